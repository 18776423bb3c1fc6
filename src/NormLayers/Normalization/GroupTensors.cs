using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>What both passes over groups of channels are given.</summary>
internal readonly ref struct GroupTensors
{
    /// <summary>N, C, L and G.</summary>
    public required Groups Groups { get; init; }

    /// <summary>The input, (N, C, L).</summary>
    public required ReadOnlySpan<float> X { get; init; }

    /// <summary>The output, (N, C, L): overwritten by the forward pass, not used by the backward pass.</summary>
    public Span<float> Y { get; init; }

    /// <summary>The scale, (C); empty means ones.</summary>
    public ReadOnlySpan<float> Gamma { get; init; }

    /// <summary>The shift, (C); empty means zeros.</summary>
    public ReadOnlySpan<float> Beta { get; init; }

    /// <summary>Whether y = max(·, 0).</summary>
    public bool ReLU { get; init; }

    /// <summary>The sets as rows, with γ and β of each element.</summary>
    /// <param name="rest">Where those lie.</param>
    public RowTensors AsRows(ref Workspace rest) => new()
    {
        X = X,
        Y = Y,
        Features = Groups.SetElements,
        Period = Groups.PerSample,
        Gamma = ColumnValues.Of(Gamma, Groups.Length, rest.Floats(Gamma.Length * Groups.Length)),
        Beta = ColumnValues.Of(Beta, Groups.Length, rest.Floats(Beta.Length * Groups.Length)),
        ReLU = ReLU,
    };

    /// <summary>The same with γ and β of each plane of a chunk, where chunks are longer than a sample.</summary>
    /// <param name="rest">Where those lie.</param>
    public GroupTensors ForChunks(ref Workspace rest)
    {
        int samples = Math.Max(1, Groups.SetsPerChunk / Groups.PerSample);
        return new()
        {
            Groups = Groups,
            X = X,
            Y = Y,
            Gamma = samples == 1 ? Gamma : Repeat(Gamma, rest.Floats(samples * Gamma.Length)),
            Beta = samples == 1 ? Beta : Repeat(Beta, rest.Floats(samples * Beta.Length)),
            ReLU = ReLU,
        };
    }

    /// <summary>γ or β of the planes of some sets; empty if there is none.</summary>
    /// <param name="values">The values of a sample, or of a chunk.</param>
    /// <param name="first">The first set.</param>
    /// <param name="count">How many sets.</param>
    public ReadOnlySpan<float> Of(ReadOnlySpan<float> values, int first, int count) =>
        values.IsEmpty ? values : values.Slice(first % Groups.PerSample * Groups.Depth, count * Groups.Depth);

    private static ReadOnlySpan<float> Repeat(ReadOnlySpan<float> values, Span<float> repeated)
    {
        for (int start = 0; start < repeated.Length; start += values.Length)
        {
            values.CopyTo(repeated[start..]);
        }

        return repeated;
    }
}
