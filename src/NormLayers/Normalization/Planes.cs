using System.Runtime.CompilerServices;

namespace NormLayers.Normalization;

/// <summary>How (N, C, L) is seen: as planes of L elements, or where L is less than the sixteen lanes as a matrix (N, C·L), each of whose columns has the factors of its channel.</summary>
/// <param name="Samples">N.</param>
/// <param name="Channels">C.</param>
/// <param name="Length">L.</param>
internal readonly record struct Planes(int Samples, int Channels, int Length)
{
    private const int ShortestPlane = 16;

    /// <summary>The planes of (N, C, …), not empty: all dimensions behind C are positions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Planes Of(Shape shape) => new(shape[0], shape[1], shape.Rank == 2 ? 1 : shape.Length / (shape[0] * shape[1]));

    // One less than there are chunks, so that nothing is one chunk. Passes need it ten times.
    private readonly int _cuts;

    /// <summary>B, the samples whose channels are normalized together: the batch is cut into chunks of so many, in order; 0 for no cut.</summary>
    public int ChunkSize { get; init => (field, _cuts) = (value, value == 0 || Samples <= value ? 0 : (Samples - 1) / value - (LastJoins(value) ? 1 : 0)); }

    /// <summary>Where a mask has left chunks of different sizes: the samples up to the end of each; else empty.</summary>
    public ReadOnlyMemory<int> Ends { get; init => (field, _cuts) = (value, Math.Max(value.Length - 1, 0)); }

    /// <summary>K, the number of chunks. The last has what is left; where that is one value a channel, which has no variance, it joins the chunk before.</summary>
    public int Chunks => _cuts + 1;

    /// <summary>N·C·L.</summary>
    public int Elements => Samples * Channels * Length;

    /// <summary>Whether lanes are columns, and not the elements of a plane.</summary>
    public bool AreColumns => Length < ShortestPlane;

    /// <summary>The columns of the matrix.</summary>
    public int Columns => Channels * Length;

    /// <summary>m, the elements of a channel.</summary>
    public int ChannelElements => Samples * Length;

    /// <summary>m of one chunk.</summary>
    public int ChannelElementsOf(int k) => Chunks == 1 ? ChannelElements : (End(k) - End(k - 1)) * Length;

    private int End(int k) => k < 0 ? 0 : !Ends.IsEmpty ? Ends.Span[k] : k == Chunks - 1 ? Samples : (k + 1) * ChunkSize;

    private bool LastJoins(int chunkSize) => Length == 1 && chunkSize > 1 && Samples % chunkSize == 1;

    /// <summary>The planes of one chunk.</summary>
    public Planes Chunk(int k) => Chunks == 1 ? new(Samples, Channels, Length) : new(End(k) - End(k - 1), Channels, Length);

    /// <summary>The elements of one chunk.</summary>
    public Range ElementsOf(int k) => (End(k - 1) * Columns)..(End(k) * Columns);

    /// <summary>The blocks of rows of the matrix.</summary>
    public RowBlocks Blocks => RowBlocks.Of(Samples, Columns);
}
