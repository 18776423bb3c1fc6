namespace NormLayers.Normalization;

/// <summary>Normalization of the channels of each chunk of a batch: <see cref="ChannelNorm"/> chunk by chunk. One chunk is batch normalization, several are ghost batch normalization.</summary>
internal static class ChunkNorm
{
    /// <summary>Overwrites mean and variance of each channel of each chunk. [F1] [F2]</summary>
    /// <param name="x">The input, (N, C, L), not empty.</param>
    /// <param name="planes">N, C, L and the chunks.</param>
    /// <param name="statistics">Overwritten, (K, C).</param>
    /// <param name="workspace">Overwritten, <see cref="WorkspaceLength"/>.</param>
    public static void Statistics(ReadOnlySpan<float> x, Planes planes, NormStatistics statistics, Span<double> workspace)
    {
        int C = planes.Channels;
        if (planes.Chunks == 1)
        {
            ChannelNorm.Statistics(x, planes, statistics.Sets, statistics.Variances, workspace);
            return;
        }

        for (int k = 0; k < planes.Chunks; k++)
        {
            ChannelNorm.Statistics(x[planes.ElementsOf(k)], planes.Chunk(k), statistics.Sets.Slice(k * C, C), statistics.Variances.Slice(k * C, C), workspace);
        }
    }

    /// <summary>Overwrites y and rstd. [F3] [F4] [F5]</summary>
    /// <param name="x">The input, (N, C, L).</param>
    /// <param name="planes">N, C, L and the chunks.</param>
    /// <param name="variance">The variances, (K, C).</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="output">Statistics, (K, C), of which rstd is overwritten; γ, β, the ReLU; y, which may be x.</param>
    /// <param name="workspace">Overwritten, <see cref="WorkspaceLength"/>.</param>
    public static void Normalize(ReadOnlySpan<float> x, Planes planes, ReadOnlySpan<double> variance, Epsilon epsilon, in ChannelOutput output, Span<double> workspace)
    {
        int C = planes.Channels;
        if (planes.Chunks == 1)
        {
            ChannelNorm.Normalize(x, planes, variance, epsilon, in output, workspace);
            return;
        }

        for (int k = 0; k < planes.Chunks; k++)
        {
            Range elements = planes.ElementsOf(k);
            ChannelOutput chunk = new() { Sets = output.Sets.Slice(k * C, C), Y = output.Y[elements], ReLU = output.ReLU };
            ChannelNorm.Normalize(x[elements], planes.Chunk(k), variance.Slice(k * C, C), epsilon, chunk, workspace);
        }
    }

    /// <summary>Overwrites dx; <b>adds to</b> dγ and dβ the sums over all chunks, which are carried in double.</summary>
    /// <param name="x">The input of the forward pass, (N, C, L).</param>
    /// <param name="planes">N, C, L and the chunks.</param>
    /// <param name="sets">Statistics of the forward pass, (K, C), and γ.</param>
    /// <param name="batchStatistics">Whether mean and variance were computed from x, and so carry gradient themselves.</param>
    /// <param name="gradients">dy, dx, dγ and dβ; with a ReLU, y.</param>
    /// <param name="workspace">Overwritten, <see cref="WorkspaceLength"/>.</param>
    public static void Backward(ReadOnlySpan<float> x, Planes planes, in ChannelSets sets, bool batchStatistics, in Gradients gradients, Span<double> workspace)
    {
        int C = planes.Channels;
        if (planes.Chunks == 1)
        {
            ChannelNorm.Backward(x, planes, in sets, batchStatistics, in gradients, workspace);
            return;
        }

        Span<double> totals = workspace[..(2 * C)];
        totals.Clear();
        for (int k = 0; k < planes.Chunks; k++)
        {
            Range elements = planes.ElementsOf(k);
            Gradients chunk = new()
            {
                Dy = gradients.Dy[elements],
                Dx = gradients.Dx.IsEmpty ? default : gradients.Dx[elements],
                Output = gradients.Output.IsEmpty ? default : gradients.Output[elements],
                Masked = gradients.Masked.IsEmpty ? default : gradients.Masked[elements],
                Totals = totals,
            };
            ChannelNorm.Backward(x[elements], planes.Chunk(k), sets.Slice(k * C, C), batchStatistics, chunk, workspace[(2 * C)..]);
        }

        Accumulation.Add(totals[C..], gradients.DGamma); // [B2]
        Accumulation.Add(totals[..C], gradients.DBeta); // [B1]
    }

    /// <summary>How many doubles are enough for each method as workspace.</summary>
    /// <param name="planes">N, C, L and the chunks.</param>
    public static int WorkspaceLength(Planes planes)
    {
        int longest = ChannelNorm.WorkspaceLength(planes.Chunk(0));
        for (int k = 1; k < planes.Chunks; k++)
        {
            longest = Math.Max(longest, ChannelNorm.WorkspaceLength(planes.Chunk(k)));
        }

        return longest + (planes.Chunks == 1 ? 0 : 2 * planes.Channels);
    }
}
