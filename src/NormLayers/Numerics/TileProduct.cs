namespace NormLayers.Numerics;

/// <summary>What a block of C is computed from. What the blocks of a panel share is set once: for few inner indices its stores would count.</summary>
internal ref struct TileProduct
{
    /// <summary>A, from the block's first row and the first of the inner indices.</summary>
    public Factor A { readonly get; set; }

    /// <summary>The block's columns of B, packed: (depth, columns).</summary>
    public required ReadOnlySpan<float> Panel { readonly get; init; }

    /// <summary>How many inner indices.</summary>
    public required int Depth { readonly get; init; }

    /// <summary>Where the first chain begins, row by row: zeros, a bias or what C holds.</summary>
    public ReadOnlySpan<float> Start { readonly get; set; }

    /// <summary>From one row of <see cref="Start"/> to the next; 0 where all begin alike.</summary>
    public required int StartStride { readonly get; init; }

    /// <summary>Added to the first chain, row by row: what C holds, or −0.</summary>
    public ReadOnlySpan<float> Rest { readonly get; set; }

    /// <summary>From one row of <see cref="Rest"/> to the next; 0 where all are alike.</summary>
    public required int RestStride { readonly get; init; }

    /// <summary>The block: overwritten; every chain after the first is added to it.</summary>
    public Span<float> C { readonly get; set; }

    /// <summary>From one row of C to the next.</summary>
    public required int CStride { readonly get; init; }

    /// <summary>Prefetched meanwhile, from here on.</summary>
    public ReadOnlySpan<float> Ahead { readonly get; set; }

    /// <summary>Bytes from where an inner index prefetches to where the next does.</summary>
    public nint AheadStep { readonly get; set; }
}
