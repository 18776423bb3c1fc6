using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>Sixteen lanes as plain floats, for processors without vectors: slow, with the same bits.</summary>
[InlineArray(16)]
internal struct LanesScalar : ILanes<LanesScalar>
{
    private float _first;

    public static LanesScalar Zero => default;

    public static LanesScalar Create(float value)
    {
        LanesScalar result = default;
        ((Span<float>)result).Fill(value);
        return result;
    }

    public static LanesScalar Load(ref readonly float source, nint index)
    {
        LanesScalar result = default;
        for (int i = 0; i < 16; i++)
        {
            result[i] = Unsafe.Add(ref Unsafe.AsRef(in source), index + i);
        }

        return result;
    }

    public static void Store(LanesScalar value, ref float destination, nint index)
    {
        for (int i = 0; i < 16; i++)
        {
            Unsafe.Add(ref destination, index + i) = value[i];
        }
    }

    public static unsafe void StoreStreaming(LanesScalar value, float* destination) => Store(value, ref *destination, 0);

    public static LanesScalar operator +(LanesScalar left, LanesScalar right)
    {
        for (int i = 0; i < 16; i++)
        {
            left[i] += right[i];
        }

        return left;
    }

    public static LanesScalar operator -(LanesScalar left, LanesScalar right)
    {
        for (int i = 0; i < 16; i++)
        {
            left[i] -= right[i];
        }

        return left;
    }

    public static LanesScalar operator *(LanesScalar left, LanesScalar right)
    {
        for (int i = 0; i < 16; i++)
        {
            left[i] *= right[i];
        }

        return left;
    }

    public static void FusedMultiplyAdd(ref LanesScalar addend, LanesScalar left, LanesScalar right)
    {
        for (int i = 0; i < 16; i++)
        {
            addend[i] = MathF.FusedMultiplyAdd(left[i], right[i], addend[i]);
        }
    }

    public static LanesScalar MultiplyAdd(LanesScalar left, LanesScalar right, LanesScalar addend)
    {
        FusedMultiplyAdd(ref addend, left, right);
        return addend;
    }

    public static LanesScalar Join(int count, LanesScalar first, LanesScalar others)
    {
        for (int i = 0; i < count; i++)
        {
            others[i] = first[i];
        }

        return others;
    }

    public static LanesScalar WherePositive(LanesScalar mask, LanesScalar value)
    {
        for (int i = 0; i < 16; i++)
        {
            value[i] = mask[i] <= 0 ? 0 : value[i];
        }

        return value;
    }
}
