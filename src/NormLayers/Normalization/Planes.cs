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

    /// <summary>N·C·L.</summary>
    public int Elements => Samples * Channels * Length;

    /// <summary>Whether lanes are columns, and not the elements of a plane.</summary>
    public bool AreColumns => Length < ShortestPlane;

    /// <summary>The columns of the matrix.</summary>
    public int Columns => Channels * Length;

    /// <summary>m, the elements of a channel.</summary>
    public int ChannelElements => Samples * Length;

    /// <summary>The blocks of rows of the matrix.</summary>
    public RowBlocks Blocks => RowBlocks.Of(Samples, Columns);
}
