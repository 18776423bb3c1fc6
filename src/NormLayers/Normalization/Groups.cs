using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>The sets of group normalization, in memory order: C/G neighbouring channels of a sample of (N, C, L), contiguous elements.</summary>
/// <remarks>
/// Sets are done in chunks that stay in the cache between the two times that they are read. A chunk is a part of a sample, or some samples. Long
/// sets are one chunk, whose planes are shared out to threads. How a set is summed follows from its own size, so that its bits are the same in every batch.
/// </remarks>
internal readonly record struct Groups
{
    private const int ChunkElements = 16384;
    private const int MaxParts = 32;

    private readonly int _runLength;
    private readonly int _chunksPerRun;

    /// <param name="shape">(N, C, …); the dimensions behind C are positions.</param>
    /// <param name="perSample">G.</param>
    public Groups(Shape shape, int perSample)
        : this(shape.Length == 0 ? 0 : shape[0], shape[1], shape.Length == 0 ? 1 : shape.Length / (shape[0] * shape[1]), perSample)
    {
    }

    /// <param name="samples">N.</param>
    /// <param name="channels">C.</param>
    /// <param name="length">L.</param>
    /// <param name="perSample">G.</param>
    public Groups(int samples, int channels, int length, int perSample)
    {
        (Samples, Channels, Length, PerSample) = (samples, channels, length, perSample);
        AreLong = SetElements >= Kernels.FewestElements;
        int fitting = AreLong ? Sets : Math.Max(1, ChunkElements / Math.Max(1, SetElements));
        _runLength = fitting < perSample ? perSample : Sets;
        SetsPerChunk = fitting < perSample ? fitting : Math.Min(fitting / perSample * perSample, Sets);
        _chunksPerRun = SetsPerChunk == 0 ? 0 : (_runLength - 1) / SetsPerChunk + 1;
        Chunks = _runLength == 0 ? 0 : Sets / _runLength * _chunksPerRun;
        Parts = Math.Min(Chunks, (long)Sets * SetElements >= Kernels.FewestElements ? MaxParts : 1);
    }

    /// <summary>N.</summary>
    public int Samples { get; }

    /// <summary>C.</summary>
    public int Channels { get; }

    /// <summary>L.</summary>
    public int Length { get; }

    /// <summary>G.</summary>
    public int PerSample { get; }

    /// <summary>N·G.</summary>
    public int Sets => Samples * PerSample;

    /// <summary>C/G: the planes of a set.</summary>
    public int Depth => Channels / PerSample;

    /// <summary>m, the elements of a set.</summary>
    public int SetElements => Depth * Length;

    /// <summary>N·C.</summary>
    public int Planes => Samples * Channels;

    /// <summary>Whether planes are too short for lanes along them, and sets are rows with γ and β for each element.</summary>
    public bool AreRows => Depth > 1 && PlanesOf(1).AreColumns;

    /// <summary>Whether the sums of a set are shared out to threads, plane by plane, and all sets are one chunk.</summary>
    public bool AreLong { get; }

    /// <summary>The sets of the largest chunk.</summary>
    public int SetsPerChunk { get; }

    /// <summary>How many chunks there are.</summary>
    public int Chunks { get; }

    /// <summary>The parts that threads take chunks by: each has a workspace.</summary>
    public int Parts { get; }

    /// <summary>The planes of some sets, each a channel of its own.</summary>
    public Planes PlanesOf(int sets) => new(1, sets * Depth, Length);

    /// <summary>The sets of a chunk.</summary>
    public (int First, int Count) Chunk(int index)
    {
        int start = index % _chunksPerRun * SetsPerChunk;
        return (index / _chunksPerRun * _runLength + start, Math.Min(SetsPerChunk, _runLength - start));
    }
}
