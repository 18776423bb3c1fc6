using System.Diagnostics;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>Layer normalization on float rows: stateless, no allocation, no checks beyond debug assertions.</summary>
/// <remarks>
/// <para>Forward (<see cref="LayerNormForward"/>): [LN-F1] mean and [LN-F2] variance from one read (<see cref="RowMoments"/>), [LN-F3] rstd in
/// double, [LN-F4] + [LN-F5], and a ReLU, fused in one sweep. Reads x twice, the second time from the first-level cache unless a row is longer than it;
/// writes y once; y may be x. A residual is added block by block before: reads x and the residual, writes their sum, which is then in the cache as x.</para>
/// <para>Backward (<see cref="LayerNormBackward"/>): [LN-B3] and [LN-B4] in one sweep with [LN-B1] and [LN-B2], [LN-B5] in a second. Reads x
/// and dy twice, the second time from the cache; writes dx once; dx may be dy. Behind a ReLU, x and the gradient are read once more before, block by block,
/// and the gradient before the ReLU is written, which is then in the cache as dy. Column sums are taken in the fixed blocks of
/// <see cref="RowBlocks"/> and added in their order.</para>
/// <para>Numerics: the mean is carried as the float nearest to it and what that leaves over, so an x near the mean is centred exactly before it is scaled, and another by less than a float's rounding:
/// x̂ = (x − p)·r − d·r (<see cref="Centering"/>). All sums are in double, and so are their terms. A constant row gives exactly beta; rows of
/// one element give dGamma = dx = 0. A product is fused with the addition after it where the code says MultiplyAdd, and nowhere else.</para>
/// <para>The methods with vector loops, and those that call them row by row, are compiled fully at once (<see cref="Kernels.Loops"/>): left to
/// tiered compilation, the loops ran many times slower.</para>
/// </remarks>
internal static class LayerNormKernel
{
    /// <summary>Overwrites <paramref name="y"/>, and <paramref name="mean"/>, <paramref name="remainder"/> and <paramref name="rstd"/> for the backward pass.</summary>
    /// <param name="x">The input, (N, C).</param>
    /// <param name="gamma">The scale, (C); empty means ones.</param>
    /// <param name="beta">The shift, (C); empty means zeros.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0.</param>
    /// <param name="features">C.</param>
    /// <param name="y">The output, (N, C); may be x.</param>
    /// <param name="mean">Each row's mean, (N); empty if not wanted.</param>
    /// <param name="remainder">What each mean lost when it was rounded to double, (N); empty if not wanted.</param>
    /// <param name="rstd">Each row's 1/√(variance + ε), (N); empty if not wanted.</param>
    /// <param name="relu">Whether y = max(·, 0) follows, in the same sweep.</param>
    /// <param name="residual">What is added to x before, (N, C); empty if nothing is.</param>
    /// <param name="sum">With a residual: overwritten with x + residual, which takes x's place, (N, C); may be either.</param>
    public static void Forward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> gamma,
        ReadOnlySpan<float> beta,
        double epsilon,
        int features,
        Span<float> y,
        Span<double> mean,
        Span<double> remainder,
        Span<double> rstd,
        bool relu = false,
        ReadOnlySpan<float> residual = default,
        Span<float> sum = default)
    {
        Debug.Assert(x.Length % features == 0 && y.Length == x.Length && rstd.Length == mean.Length, "Lengths differ.");
        LayerNormForward forward = new()
        {
            X = x,
            Gamma = gamma,
            Beta = beta,
            Epsilon = epsilon,
            Features = features,
            Y = y,
            Mean = mean,
            Remainder = remainder,
            Rstd = rstd,
            ReLU = relu,
            Residual = residual,
            Sum = sum,
        };
        Kernels.Run(ref forward, x.Length / features, x.Length);
    }

    /// <summary>Overwrites <paramref name="dx"/>; <b>adds to</b> <paramref name="dGamma"/> and <paramref name="dBeta"/>.</summary>
    /// <param name="x">The input of the forward pass, (N, C).</param>
    /// <param name="dy">The gradient with respect to y, (N, C).</param>
    /// <param name="gamma">The scale, (C); empty means ones.</param>
    /// <param name="statistics">Each row's, from the forward pass.</param>
    /// <param name="features">C.</param>
    /// <param name="dx">Overwritten, (N, C); may be dy; empty if not wanted.</param>
    /// <param name="dGamma">Added to, (C); empty if not wanted.</param>
    /// <param name="dBeta">Added to, (C); empty if not wanted.</param>
    /// <param name="workspace">Overwritten, <see cref="WorkspaceLength"/>.</param>
    /// <param name="relu">Whether the forward pass ended with max(·, 0): dy is the gradient behind it then.</param>
    /// <param name="beta">The shift, (C), for the ReLU's sign; empty means zeros.</param>
    /// <param name="gated">With a ReLU: overwritten with the gradient before it, (N, C); may be dy or dx.</param>
    public static void Backward(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> dy,
        ReadOnlySpan<float> gamma,
        SetStatistics statistics,
        int features,
        Span<float> dx,
        Span<float> dGamma,
        Span<float> dBeta,
        Span<double> workspace,
        bool relu = false,
        ReadOnlySpan<float> beta = default,
        Span<float> gated = default)
    {
        int N = statistics.Count;
        Debug.Assert(x.Length == N * features && dy.Length == x.Length && workspace.Length >= WorkspaceLength(N, features), "Lengths differ.");
        if (N == 0)
        {
            return;
        }

        RowBlocks blocks = RowBlocks.Of(N, features);
        LayerNormBackward backward = new()
        {
            X = x,
            Dy = relu ? gated : dy,
            Upstream = relu ? dy : default,
            Gated = gated,
            Beta = beta,
            Gamma = gamma,
            Statistics = statistics,
            Features = features,
            Blocks = blocks,
            Dx = dx,
            Sums = workspace,
        };
        Kernels.Run(ref backward, blocks.Count, x.Length);
        Span<double> sums = blocks.Total(workspace, 2 * features);
        Accumulation.Add(sums[..features], dBeta); // [LN-B1]
        Accumulation.Add(sums[features..], dGamma); // [LN-B2]
    }

    /// <summary>How many doubles <see cref="Backward"/> needs as workspace.</summary>
    /// <param name="rows">N.</param>
    /// <param name="features">C.</param>
    public static int WorkspaceLength(int rows, int features) => 2 * features * RowBlocks.Of(rows, features).Count;
}
