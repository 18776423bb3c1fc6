using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Channels of positions of which a mask may leave some: <see cref="ChunkNorm"/> on the rows of channels that are left.</summary>
internal static class MaskedChannels
{
    /// <summary>What is left of an input, to take statistics of and for <see cref="Normalize"/>.</summary>
    /// <param name="x">The whole input.</param>
    /// <param name="kept">What the mask leaves; null for all.</param>
    public static ReadOnlySpan<float> Left(ReadOnlySpan<float> x, Compaction? kept) => kept is null ? x : kept.GatherX(x);

    /// <summary>Overwrites y and rstd.</summary>
    /// <param name="left">What is left of the input; behind a mask it is overwritten.</param>
    /// <param name="planes">N, C, L and the chunks of what is left.</param>
    /// <param name="variance">The variances, (K, C).</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="output">Statistics, (K, C), of which rstd is overwritten; γ, β, the ReLU; the whole y, which may be the whole input.</param>
    /// <param name="workspace">Overwritten.</param>
    /// <param name="kept">What the mask leaves; null for all.</param>
    public static void Normalize(
        ReadOnlySpan<float> left, Planes planes, ReadOnlySpan<double> variance, Epsilon epsilon, in ChannelOutput output, ref AlignedBuffer workspace, Compaction? kept)
    {
        Span<float> y = kept is null ? output.Y : kept.X;
        if (planes.Elements > 0)
        {
            ChunkNorm.Normalize(left, planes, variance, epsilon, output with { Y = y }, workspace.AtLeast(ChunkNorm.WorkspaceLength(planes)));
        }

        kept?.Scatter(y, output.Y);
    }

    /// <summary>Overwrites dx; <b>adds to</b> dγ and dβ.</summary>
    /// <param name="x">The whole input of the forward pass.</param>
    /// <param name="planes">N, C, L and the chunks of what is left.</param>
    /// <param name="sets">Statistics of the forward pass, (K, C), and γ.</param>
    /// <param name="batchStatistics">Whether mean and variance were computed from x, and so carry gradient themselves.</param>
    /// <param name="gradients">dy, dx, dγ and dβ; with a ReLU, y: all of whole tensors.</param>
    /// <param name="workspace">Overwritten.</param>
    /// <param name="kept">What the mask leaves; null for all.</param>
    public static void Backward(
        ReadOnlySpan<float> x, Planes planes, in ChannelSets sets, bool batchStatistics, in Gradients gradients, ref AlignedBuffer workspace, Compaction? kept)
    {
        if (planes.Elements == 0)
        {
            gradients.Dx.Clear(); // All is masked.
            return;
        }

        Gradients left = kept is null ? gradients : kept.Gather(gradients) with { DGamma = gradients.DGamma, DBeta = gradients.DBeta };
        ChunkNorm.Backward(Left(x, kept), planes, in sets, batchStatistics, in left, workspace.AtLeast(ChunkNorm.WorkspaceLength(planes)));
        kept?.Scatter(left.Dy, gradients.Dx);
    }
}
