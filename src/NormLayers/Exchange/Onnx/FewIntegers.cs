using System.Runtime.CompilerServices;

namespace NormLayers.Exchange;

/// <summary>As many integers as a shape may have, without an object.</summary>
internal struct FewIntegers
{
    private Numbers _numbers;
    private int _count;

    public FewIntegers(params ReadOnlySpan<long> numbers)
    {
        _count = numbers.Length;
        numbers.CopyTo(_numbers);
    }

    /// <summary>An array of them.</summary>
    public readonly long[] ToArray() => ((ReadOnlySpan<long>)_numbers)[.._count].ToArray();

    public readonly bool Equals(in FewIntegers other) => ((ReadOnlySpan<long>)_numbers)[.._count].SequenceEqual(((ReadOnlySpan<long>)other._numbers)[..other._count]);

    [InlineArray(Shape.MaxRank)]
    private struct Numbers
    {
        private long _first;
    }
}
