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

    /// <summary>Where the first chain begins, row by row: zeros, a bias or what C holds.</summary>
    public required ReadOnlySpan<float> Start { get; init; }

    /// <summary>From one row of <see cref="Start"/> to the next; 0 where all begin alike.</summary>
    public required int StartStride { get; init; }

    /// <summary>Added to the first chain, row by row: what C holds, or −0.</summary>
    public required ReadOnlySpan<float> Rest { get; init; }

    /// <summary>From one row of <see cref="Rest"/> to the next; 0 where all are alike.</summary>
    public required int RestStride { get; init; }

    /// <summary>The block: overwritten; every chain after the first is added to it.</summary>
    public required Span<float> C { get; init; }

    /// <summary>From one row of C to the next.</summary>
    public required int CStride { get; init; }

    /// <summary>Prefetched meanwhile, from here on.</summary>
    public required ReadOnlySpan<float> Ahead { get; init; }

    /// <summary>Bytes from where an inner index prefetches to where the next does.</summary>
    public required nint AheadStep { get; init; }
}
