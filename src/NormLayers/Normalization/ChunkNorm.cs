using System.Runtime.CompilerServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Normalization of the channels of each chunk of a batch: <see cref="ChannelNorm"/> chunk by chunk. One chunk is batch normalization, several are ghost batch normalization.</summary>
internal static class ChunkNorm
{
    /// <summary>Whether some chunk has one value a channel.</summary>
    public static bool HasOneValue(in Planes planes)
    {
        for (int k = 0; k < planes.Chunks; k++)
        {
            if (planes.ChannelElementsOf(k) == 1)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Overwrites mean and variance of each channel of each chunk. [F1] [F2]</summary>
    /// <param name="x">The input, (N, C, L), not empty.</param>
    /// <param name="planes">N, C, L and the chunks.</param>
    /// <param name="statistics">Overwritten, (K, C).</param>
    /// <param name="workspace">Overwritten, <see cref="WorkspaceLength"/>.</param>
    public static void Statistics(ReadOnlySpan<float> x, in Planes planes, NormStatistics statistics, Span<double> workspace)
    {
        if (planes.Chunks == 1)
        {
            ChannelNorm.Statistics(x, planes, statistics.Sets, statistics.Variances, workspace);
        }
        else
        {
            StatisticsOfChunks(x, in planes, statistics, workspace);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // Its locals would be cleared at every call of one chunk.
    private static void StatisticsOfChunks(ReadOnlySpan<float> x, in Planes planes, NormStatistics statistics, Span<double> workspace)
    {
        int C = planes.Channels;
        for (int k = 0; k < planes.Chunks; k++)
        {
            ChannelNorm.Statistics(x[planes.ElementsOf(k)], planes.Chunk(k), statistics.Sets.Slice(k * C, C), statistics.Variances.Slice(k * C, C), workspace);
        }
    }

    /// <summary>What a mask leaves of an input, to take statistics of and for <see cref="Normalize"/>.</summary>
    /// <param name="x">The whole input.</param>
    /// <param name="kept">What the mask leaves; null for all.</param>
    public static ReadOnlySpan<float> Left(ReadOnlySpan<float> x, Compaction? kept) => kept is null ? x : kept.GatherX(x);

    /// <summary>Overwrites y and rstd. [F3] [F4] [F5]</summary>
    /// <param name="pass">The input, (N, C, L), or what a mask leaves of it, which is overwritten; the whole y, which may be the whole input; statistics and variances, (K, C); γ, β and ε.</param>
    /// <param name="planes">N, C, L and the chunks.</param>
    /// <param name="workspace">Overwritten.</param>
    /// <param name="kept">What the mask leaves; null for all.</param>
    public static void Normalize(ref ChannelPass<No> pass, in Planes planes, ref AlignedBuffer workspace, Compaction? kept)
    {
        if (planes.Chunks == 1 && kept is null)
        {
            ChannelNorm.Normalize(ref pass, in planes, workspace.AtLeast(ChannelPass<No>.WorkspaceLength(planes)));
        }
        else
        {
            NormalizeChunks(in pass, in planes, ref workspace, kept);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // Its locals would be cleared at every call of one chunk.
    private static void NormalizeChunks(in ChannelPass<No> pass, in Planes planes, ref AlignedBuffer workspace, Compaction? kept)
    {
        int C = planes.Channels;
        Span<float> y = kept is null ? pass.Result : kept.X;
        for (int k = 0; k < planes.Chunks && planes.Elements > 0; k++)
        {
            Planes chunk = planes.Chunk(k);
            Range elements = planes.ElementsOf(k);
            ChannelPass<No> part = new() { Sets = pass.Sets.Slice(k * C, C), X = pass.X[elements], Result = y[elements], ReLU = pass.ReLU };
            ChannelNorm.Normalize(ref part, in chunk, workspace.AtLeast(ChannelPass<No>.WorkspaceLength(chunk)));
        }

        kept?.Scatter(y, pass.Result);
    }

    /// <summary>Overwrites dx; <b>adds to</b> dγ and dβ the sums over all chunks, which are carried in double.</summary>
    /// <param name="x">The input of the forward pass, (N, C, L); behind a mask the whole of it.</param>
    /// <param name="planes">N, C, L and the chunks of what is left.</param>
    /// <param name="sets">Statistics of the forward pass, (K, C), and γ.</param>
    /// <param name="gradients">dy, dx, dγ and dβ; with a ReLU, y: all of whole tensors.</param>
    /// <param name="workspace">Overwritten.</param>
    /// <param name="kept">What the mask leaves; null for all.</param>
    public static void Backward(ReadOnlySpan<float> x, in Planes planes, in ChannelSets sets, in Gradients gradients, ref AlignedBuffer workspace, Compaction? kept)
    {
        if (planes.Elements == 0)
        {
            gradients.Dx.Clear(); // All is masked.
            return;
        }

        Span<double> rest = workspace.AtLeast(WorkspaceLength(in planes));
        if (kept is not null)
        {
            BackwardKept(x, in planes, in sets, in gradients, rest, kept);
        }
        else
        {
            BackwardChunks(x, in planes, in sets, in gradients, rest);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void BackwardKept(ReadOnlySpan<float> x, in Planes planes, in ChannelSets sets, in Gradients gradients, Span<double> rest, Compaction kept)
    {
        Gradients left = kept.Gather(gradients) with { DGamma = gradients.DGamma, DBeta = gradients.DBeta };
        BackwardChunks(kept.GatherX(x), in planes, in sets, in left, rest);
        kept.Scatter(left.Dy, gradients.Dx);
    }

    private static void BackwardChunks(ReadOnlySpan<float> x, in Planes planes, in ChannelSets sets, in Gradients gradients, Span<double> rest)
    {
        if (planes.Chunks == 1)
        {
            ChannelNorm.Backward(x, in planes, in sets, in gradients, rest);
        }
        else
        {
            AddChunks(x, in planes, in sets, in gradients, rest);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AddChunks(ReadOnlySpan<float> x, in Planes planes, in ChannelSets sets, in Gradients gradients, Span<double> rest)
    {
        int C = planes.Channels;
        Span<double> totals = rest[..(2 * C)];
        totals.Clear();
        for (int k = 0; k < planes.Chunks; k++)
        {
            Range elements = planes.ElementsOf(k);
            (int start, int length) = elements.GetOffsetAndLength(x.Length);
            Gradients chunk = gradients.Slice(start, length) with { Totals = totals };
            ChannelNorm.Backward(x[elements], planes.Chunk(k), sets.Slice(k * C, C), chunk, rest[(2 * C)..]);
        }

        Accumulation.Add(totals[C..], gradients.DGamma); // [B2]
        Accumulation.Add(totals[..C], gradients.DBeta); // [B1]
    }

    /// <summary>How many doubles are enough for each method as workspace.</summary>
    /// <param name="planes">N, C, L and the chunks.</param>
    public static long WorkspaceLength(in Planes planes)
    {
        if (planes.Chunks == 1)
        {
            return ChannelNorm.WorkspaceLength(planes);
        }

        long longest = ChannelNorm.WorkspaceLength(planes.Chunk(0));
        for (int k = 1; k < planes.Chunks; k++)
        {
            longest = Math.Max(longest, ChannelNorm.WorkspaceLength(planes.Chunk(k)));
        }

        return longest + 2L * planes.Channels;
    }
}
