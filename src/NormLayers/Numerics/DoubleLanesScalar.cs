using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>Sixteen double lanes as plain doubles, for processors without vectors: slow, with the same bits.</summary>
[InlineArray(16)]
internal struct DoubleLanesScalar : IDoubleLanes<DoubleLanesScalar, LanesScalar>
{
    private double _first;

    public static DoubleLanesScalar Create(double value)
    {
        DoubleLanesScalar result = default;
        ((Span<double>)result).Fill(value);
        return result;
    }

    public static DoubleLanesScalar Widen(LanesScalar value)
    {
        DoubleLanesScalar result = default;
        for (int i = 0; i < 16; i++)
        {
            result[i] = value[i];
        }

        return result;
    }

    public static DoubleLanesScalar Load(ref readonly double source, int index)
    {
        DoubleLanesScalar result = default;
        for (int i = 0; i < 16; i++)
        {
            result[i] = Unsafe.Add(ref Unsafe.AsRef(in source), index + i);
        }

        return result;
    }

    public static void Store(DoubleLanesScalar value, ref double destination, int index)
    {
        for (int i = 0; i < 16; i++)
        {
            Unsafe.Add(ref destination, index + i) = value[i];
        }
    }

    public static DoubleLanesScalar operator +(DoubleLanesScalar left, DoubleLanesScalar right)
    {
        for (int i = 0; i < 16; i++)
        {
            left[i] += right[i];
        }

        return left;
    }

    public static DoubleLanesScalar operator -(DoubleLanesScalar left, DoubleLanesScalar right)
    {
        for (int i = 0; i < 16; i++)
        {
            left[i] -= right[i];
        }

        return left;
    }

    public static DoubleLanesScalar operator *(DoubleLanesScalar left, DoubleLanesScalar right)
    {
        for (int i = 0; i < 16; i++)
        {
            left[i] *= right[i];
        }

        return left;
    }

    public static double Sum(DoubleLanesScalar value)
    {
        for (int half = 8; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++)
            {
                value[i] += value[i + half];
            }
        }

        return value[0];
    }
}
