namespace NormLayers.Normalization;

/// <summary>How (N, C, L) is seen: as planes of L elements, or where L is less than the sixteen lanes as a matrix (N, C·L), each of whose columns has the factors of its channel.</summary>
/// <param name="Samples">N.</param>
/// <param name="Channels">C.</param>
/// <param name="Length">L.</param>
internal readonly record struct Planes(int Samples, int Channels, int Length)
{
    private const int ShortestPlane = 16;

    /// <summary>The planes of (N, C, …), not empty: all dimensions behind C are positions.</summary>
    public static Planes Of(Shape shape) => new(shape[0], shape[1], shape.Length / (shape[0] * shape[1]));

    /// <summary>B, the samples whose channels are normalized together: the batch is cut into chunks of so many, in order; 0 for no cut.</summary>
    public int ChunkSize { get; init; }

    /// <summary>K, the number of chunks. The last has what is left; where that is one value a channel, which has no variance, it joins the chunk before.</summary>
    public int Chunks => ChunkSize == 0 || Samples <= ChunkSize ? 1 : (Samples - 1) / ChunkSize + (LastJoins ? 0 : 1);

    /// <summary>N·C·L.</summary>
    public int Elements => Samples * Channels * Length;

    /// <summary>Whether lanes are columns, and not the elements of a plane.</summary>
    public bool AreColumns => Length < ShortestPlane;

    /// <summary>The columns of the matrix.</summary>
    public int Columns => Channels * Length;

    /// <summary>m, the elements of a channel.</summary>
    public int ChannelElements => Samples * Length;

    private bool LastJoins => Length == 1 && ChunkSize > 1 && Samples % ChunkSize == 1;

    /// <summary>The planes of one chunk.</summary>
    public Planes Chunk(int k) => new(k == Chunks - 1 ? Samples - k * ChunkSize : ChunkSize, Channels, Length);

    /// <summary>The elements of one chunk.</summary>
    public Range ElementsOf(int k) => (k * ChunkSize * Columns)..(k == Chunks - 1 ? Elements : (k + 1) * ChunkSize * Columns);

    /// <summary>The blocks of rows of the matrix.</summary>
    public RowBlocks Blocks => RowBlocks.Of(Samples, Columns);
}
