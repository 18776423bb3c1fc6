namespace NormLayers.Numerics;

/// <summary>What a block of C is computed from.</summary>
internal readonly ref struct TileProduct
{
    /// <summary>A, from the block's first row and the first of the inner indices.</summary>
    public required Factor A { get; init; }

    /// <summary>The block's columns of B, packed: (depth, columns).</summary>
    public required ReadOnlySpan<float> Panel { get; init; }

    /// <summary>How many inner indices.</summary>
    public required int Depth { get; init; }

    /// <summary>Where the first chain begins, row by row; empty where it is added to C as every other.</summary>
    public required ReadOnlySpan<float> Start { get; init; }

    /// <summary>From one row of <see cref="Start"/> to the next; 0 where all begin alike.</summary>
    public required int StartStride { get; init; }

    /// <summary>The block: added to, or overwritten where <see cref="Start"/> is apart from it.</summary>
    public required Span<float> C { get; init; }

    /// <summary>From one row of C to the next.</summary>
    public required int CStride { get; init; }

    /// <summary>Prefetched meanwhile, from here on; not read where <see cref="LinesAhead"/> is 0.</summary>
    public ReadOnlySpan<float> Ahead { get; init; }

    /// <summary>Cache lines prefetched every two inner indices.</summary>
    public int LinesAhead { get; init; }
}
