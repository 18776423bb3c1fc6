using System.Diagnostics;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Normalization over contiguous sets, N rows of C elements: layer normalization and its relatives. Stateless, no checks beyond debug assertions.</summary>
/// <remarks>
/// Forward: reads x twice, the second time from the first-level cache unless a row is longer than it; writes y once; y may be x.
/// Backward: reads x and dy twice, the second time from the cache; writes dx once; dx may be dy. Behind a ReLU it also reads y, and
/// writes the gradient before the ReLU, which is then in the cache. All sums are in double, and so are their terms. A product is
/// fused with the addition after it where the code says MultiplyAdd, and nowhere else.
/// </remarks>
internal static class RowNorm
{
    /// <summary>Overwrites y, and the statistics where they are kept.</summary>
    /// <typeparam name="S">The statistic.</typeparam>
    /// <param name="tensors">x, y, γ and β.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="statistics">Overwritten with each row's, (N), where not empty.</param>
    /// <param name="kept">What a mask leaves; null for all.</param>
    public static void Forward<S>(in RowTensors tensors, Epsilon epsilon, SetStatistics statistics, Compaction? kept = null)
        where S : struct, IStatistic
    {
        if (kept is not null)
        {
            MaskedRows.Forward<S>(in tensors, epsilon, statistics, kept);
            return;
        }

        RowForward<S> pass = default; // Filled in place: a constructor builds a second one and copies it.
        pass.Tensors = tensors;
        pass.Epsilon = epsilon;
        pass.Statistics = statistics;
        Kernels.Run(ref pass, tensors.Rows, tensors.X.Length);
    }

    /// <summary>The same for x + residual, which overwrites <paramref name="sum"/>.</summary>
    /// <typeparam name="S">The statistic.</typeparam>
    /// <param name="tensors">x, y, γ and β.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="statistics">Overwritten with each row's, (N), where not empty.</param>
    /// <param name="residual">Added to x, (N, C).</param>
    /// <param name="sum">Overwritten, (N, C); may be x or the residual.</param>
    public static void AddForward<S>(in RowTensors tensors, Epsilon epsilon, SetStatistics statistics, ReadOnlySpan<float> residual, Span<float> sum)
        where S : struct, IStatistic
    {
        RowForward<S> pass = new()
        {
            Tensors = tensors with { X = sum },
            Epsilon = epsilon,
            Statistics = statistics,
            Addend = tensors.X,
            Residual = residual,
            Sum = sum,
        };
        Kernels.Run(ref pass, tensors.Rows, tensors.X.Length);
    }

    /// <summary>Overwrites dx; <b>adds to</b> dγ and dβ, whose sums stay at the beginning of the workspace.</summary>
    /// <typeparam name="S">The statistic.</typeparam>
    /// <param name="tensors">x and γ.</param>
    /// <param name="epsilon">ε; only its place matters.</param>
    /// <param name="statistics">Each row's, from the forward pass.</param>
    /// <param name="gradients">dy, dx, dγ and dβ; with a ReLU, y.</param>
    /// <param name="workspace">Overwritten, <see cref="WorkspaceLength"/>.</param>
    /// <param name="kept">What a mask leaves; null for all.</param>
    /// <returns>The sums in the workspace, empty behind a mask or without rows: Σdy, if the statistic has a mean, and Σdy·x̂ of each column. With <see cref="RowTensors.RowsPerParameters"/> each block has these. With <see cref="RowTensors.RowGamma"/> there is Σdy·x̂ of each row, or of all.</returns>
    public static ReadOnlySpan<double> Backward<S>(in RowTensors tensors, Epsilon epsilon, SetStatistics statistics, in Gradients gradients, Span<double> workspace, Compaction? kept = null)
        where S : struct, IStatistic
    {
        if (kept is not null)
        {
            MaskedRows.Backward<S>(in tensors, epsilon, statistics, in gradients, kept);
            return [];
        }

        int C = tensors.Features;
        int N = tensors.Rows;
        Debug.Assert(gradients.Dy.Length == tensors.X.Length && statistics.Count >= N, "Lengths differ.");
        if (N == 0)
        {
            return [];
        }

        int T = tensors.RowsPerParameters;
        RowBlocks blocks = T > 0 ? new RowBlocks(N, T) : RowBlocks.Of(N, C); // Where blocks have γ and β of their own, they are those rows.
        int W = C * tensors.Period;
        int sumsLength = RowBackward<S>.SumsPerColumn * W;
        RowBackward<S> pass = default;
        pass.Tensors = tensors;
        pass.Epsilon = epsilon;
        pass.Statistics = statistics;
        pass.Blocks = blocks;
        pass.Sums = workspace;
        pass.Dy = gradients.BeforeReLU;
        pass.Mask = gradients.Mask;
        pass.Dx = gradients.Dx;
        Kernels.Run(ref pass, blocks.Count, tensors.X.Length);
        if (!tensors.RowGamma.IsEmpty)
        {
            return AddRowSums(pass.RowSums, gradients.DGamma, isShared: tensors.RowGamma.Length == 1);
        }

        Span<double> sums = T > 0 ? workspace[..(blocks.Count * sumsLength)] : blocks.Total(workspace, sumsLength);
        for (int start = 0; start < sums.Length; start += sumsLength)
        {
            int parameters = start / RowBackward<S>.SumsPerColumn;
            if (S.HasMean)
            {
                Accumulation.Add(sums.Slice(start, W), Part(gradients.DBeta, parameters, W)); // [B1]
            }

            Accumulation.Add(sums.Slice(start + sumsLength - W, W), Part(gradients.DGamma, parameters, W)); // [B2]
        }

        return sums;
    }

    /// <summary>How many doubles <see cref="Backward"/> needs as workspace.</summary>
    /// <param name="rows">N.</param>
    /// <param name="features">C.</param>
    /// <param name="period">P.</param>
    /// <param name="rowGamma">Whether the elements of a row share a scale.</param>
    public static long WorkspaceLength(int rows, int features, int period = 1, bool rowGamma = false) =>
        2L * features * period * RowBlocks.Of(rows, features).Count + (rowGamma ? rows : 0);

    // A sum for each row, or one for all of them, added in order.
    private static Span<double> AddRowSums(Span<double> sums, Span<float> dGamma, bool isShared)
    {
        for (int n = 1; n < sums.Length && isShared; n++)
        {
            sums[0] += sums[n];
        }

        Accumulation.Add(sums, dGamma); // [B2]
        return isShared ? sums[..1] : sums;
    }

    private static Span<float> Part(Span<float> gradient, int start, int length) => gradient.IsEmpty ? gradient : gradient.Slice(start, length);
}
