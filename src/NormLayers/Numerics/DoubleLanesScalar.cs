using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>Eight double lanes as plain doubles, for processors without vectors: slow, with the same bits.</summary>
[InlineArray(8)]
internal struct DoubleLanesScalar : IDoubleLanes<DoubleLanesScalar>
{
    private double _first;

    public static DoubleLanesScalar Create(double value)
    {
        DoubleLanesScalar result = default;
        ((Span<double>)result).Fill(value);
        return result;
    }

    public static DoubleLanesScalar Widen(ref readonly float source, nint index)
    {
        DoubleLanesScalar result = default;
        for (int i = 0; i < 8; i++)
        {
            result[i] = Unsafe.Add(ref Unsafe.AsRef(in source), index + i);
        }

        return result;
    }

    public static void Narrow(DoubleLanesScalar value, ref float destination, nint index)
    {
        for (int i = 0; i < 8; i++)
        {
            Unsafe.Add(ref destination, index + i) = (float)value[i];
        }
    }

    public static DoubleLanesScalar Load(ref readonly double source, nint index)
    {
        DoubleLanesScalar result = default;
        for (int i = 0; i < 8; i++)
        {
            result[i] = Unsafe.Add(ref Unsafe.AsRef(in source), index + i);
        }

        return result;
    }

    public static void Store(DoubleLanesScalar value, ref double destination, nint index)
    {
        for (int i = 0; i < 8; i++)
        {
            Unsafe.Add(ref destination, index + i) = value[i];
        }
    }

    public static DoubleLanesScalar operator +(DoubleLanesScalar left, DoubleLanesScalar right)
    {
        for (int i = 0; i < 8; i++)
        {
            left[i] += right[i];
        }

        return left;
    }

    public static DoubleLanesScalar operator -(DoubleLanesScalar left, DoubleLanesScalar right)
    {
        for (int i = 0; i < 8; i++)
        {
            left[i] -= right[i];
        }

        return left;
    }

    public static DoubleLanesScalar operator *(DoubleLanesScalar left, DoubleLanesScalar right)
    {
        for (int i = 0; i < 8; i++)
        {
            left[i] *= right[i];
        }

        return left;
    }

    public static DoubleLanesScalar operator /(DoubleLanesScalar left, DoubleLanesScalar right)
    {
        for (int i = 0; i < 8; i++)
        {
            left[i] /= right[i];
        }

        return left;
    }

    public static DoubleLanesScalar Sqrt(DoubleLanesScalar value)
    {
        for (int i = 0; i < 8; i++)
        {
            value[i] = Math.Sqrt(value[i]);
        }

        return value;
    }

    public static DoubleLanesScalar Max(DoubleLanesScalar left, DoubleLanesScalar right)
    {
        for (int i = 0; i < 8; i++)
        {
            left[i] = left[i] < right[i] ? right[i] : left[i];
        }

        return left;
    }

    public static DoubleLanesScalar Min(DoubleLanesScalar left, DoubleLanesScalar right)
    {
        for (int i = 0; i < 8; i++)
        {
            left[i] = left[i] > right[i] ? right[i] : left[i];
        }

        return left;
    }

    public static DoubleLanesScalar Round(DoubleLanesScalar value)
    {
        for (int i = 0; i < 8; i++)
        {
            value[i] = Math.Round(value[i]);
        }

        return value;
    }

    public static DoubleLanesScalar PowerOfTwo(DoubleLanesScalar n)
    {
        for (int i = 0; i < 8; i++)
        {
            n[i] = SingleDouble.PowerOfTwo(new(n[i])).Value;
        }

        return n;
    }

    public static DoubleLanesScalar Split(DoubleLanesScalar value, out DoubleLanesScalar n)
    {
        n = default;
        for (int i = 0; i < 8; i++)
        {
            value[i] = SingleDouble.Split(new(value[i]), out SingleDouble exponent).Value;
            n[i] = exponent.Value;
        }

        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanesScalar Uniform(DoubleLanesScalar value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(DoubleLanesScalar value) => value[0] + value[4] + (value[2] + value[6]) + (value[1] + value[5] + (value[3] + value[7]));

    public static bool AllBelow(DoubleLanesScalar value, double bound)
    {
        bool all = true;
        for (int i = 0; i < 8; i++)
        {
            all &= Math.Abs(value[i]) < bound;
        }

        return all;
    }

    public static bool AllWithin(DoubleLanesScalar value, double low, double high)
    {
        bool all = true;
        for (int i = 0; i < 8; i++)
        {
            all &= SingleDouble.AllWithin(new(value[i]), low, high);
        }

        return all;
    }

    public static bool AnyLess(DoubleLanesScalar left, DoubleLanesScalar right)
    {
        bool any = false;
        for (int i = 0; i < 8; i++)
        {
            any |= left[i] < right[i];
        }

        return any;
    }

    public static void FusedMultiplyAdd(ref DoubleLanesScalar addend, DoubleLanesScalar left, DoubleLanesScalar right)
    {
        for (int i = 0; i < 8; i++)
        {
            addend[i] = Math.FusedMultiplyAdd(left[i], right[i], addend[i]);
        }
    }
}
