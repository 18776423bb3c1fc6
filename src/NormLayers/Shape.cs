using System.Globalization;
using System.Runtime.CompilerServices;

namespace NormLayers;

/// <summary>The dimensions of a row-major tensor, outermost first; the last one is contiguous in memory.</summary>
/// <remarks>Tuples convert by themselves: <c>layer.Forward(x, (32, 20), y)</c>. A dimension may be 0 (an empty batch).</remarks>
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>The most dimensions that a shape can have.</summary>
    public const int MaxRank = 8;

    private readonly Dimensions _dimensions;

    /// <summary>Creates a shape from its dimensions, outermost first.</summary>
    /// <param name="dimensions">1 to <see cref="MaxRank"/> values, each ≥ 0, whose product fits an <see cref="int"/>.</param>
    /// <exception cref="ArgumentException">No dimension, too many, a negative one, or more than 2³¹−1 elements.</exception>
    public Shape(params ReadOnlySpan<int> dimensions)
    {
        if (dimensions.Length is 0 or > MaxRank)
        {
            Throw.Argument(nameof(dimensions), $"1 to {MaxRank} dimensions", $"{dimensions.Length}");
        }

        long length = dimensions.Contains(0) ? 0 : 1;
        for (int i = 0; i < dimensions.Length; i++)
        {
            if (dimensions[i] < 0)
            {
                Throw.Argument(nameof(dimensions), "dimensions that are 0 or more", $"{dimensions[i]} at position {i}");
            }

            _dimensions[i] = dimensions[i];
            length *= dimensions[i];
            if (length > int.MaxValue)
            {
                Throw.Argument(nameof(dimensions), "at most 2147483647 elements", $"more, from dimension {i} on");
            }
        }

        Rank = dimensions.Length;
        Length = (int)length;
    }

    /// <summary>The number of dimensions.</summary>
    public int Rank { get; }

    /// <summary>The number of elements: the product of the dimensions.</summary>
    public int Length { get; }

    /// <summary>The last dimension, contiguous in memory; 0 for a shape without dimensions.</summary>
    public int Last => Rank == 0 ? 0 : _dimensions[Rank - 1];

    /// <summary>One dimension.</summary>
    /// <param name="axis">0 to <see cref="Rank"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such axis.</exception>
    public int this[int axis]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(axis);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(axis, Rank);
            return _dimensions[axis];
        }
    }

    /// <summary>A shape of one dimension.</summary>
    public static implicit operator Shape(int length) => new(length);

    /// <summary>A shape of two dimensions, usually (N, C).</summary>
    public static implicit operator Shape((int, int) dimensions) => new(dimensions.Item1, dimensions.Item2);

    /// <summary>A shape of three dimensions, usually (N, C, L).</summary>
    public static implicit operator Shape((int, int, int) dimensions) => new(dimensions.Item1, dimensions.Item2, dimensions.Item3);

    /// <summary>A shape of four dimensions.</summary>
    public static implicit operator Shape((int, int, int, int) dimensions) =>
        new(dimensions.Item1, dimensions.Item2, dimensions.Item3, dimensions.Item4);

    /// <summary>Whether two shapes have the same dimensions.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Whether two shapes differ.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>The same shape with another last dimension.</summary>
    /// <param name="last">The new last dimension, ≥ 0.</param>
    /// <exception cref="ArgumentException">A negative dimension, or more than 2³¹−1 elements.</exception>
    /// <exception cref="InvalidOperationException">The shape has no dimension.</exception>
    public Shape WithLast(int last)
    {
        if (Rank == 0)
        {
            Throw.Operation("A shape without dimensions has no last one.");
        }

        Span<int> dimensions = stackalloc int[MaxRank];
        ReadOnlySpan<int> own = _dimensions;
        own.CopyTo(dimensions);
        dimensions[Rank - 1] = last;
        return new Shape(dimensions[..Rank]);
    }

    /// <summary>Whether the last dimensions equal another shape.</summary>
    /// <param name="trailing">The dimensions, of which there may be fewer than this shape has.</param>
    internal bool EndsWith(Shape trailing)
    {
        ReadOnlySpan<int> own = _dimensions;
        ReadOnlySpan<int> others = trailing._dimensions;
        return own[..Rank].EndsWith(others[..trailing.Rank]);
    }

    /// <inheritdoc/>
    public bool Equals(Shape other)
    {
        // The dimensions behind the last are 0.
        ReadOnlySpan<int> own = _dimensions;
        return Rank == other.Rank && own.SequenceEqual(other._dimensions);
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, Length, Last);

    /// <summary>The dimensions in parentheses, as in <c>(32, 20)</c>.</summary>
    public override string ToString()
    {
        ReadOnlySpan<int> own = _dimensions;
        string[] parts = new string[Rank];
        for (int i = 0; i < Rank; i++)
        {
            parts[i] = own[i].ToString(CultureInfo.InvariantCulture);
        }

        return $"({string.Join(", ", parts)})";
    }

    [InlineArray(MaxRank)]
    private struct Dimensions
    {
        private int _first;
    }
}
