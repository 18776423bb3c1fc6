using System.Diagnostics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Normalization of the channels of (N, C, L): batch normalization and its relatives. Stateless, no checks beyond debug assertions.</summary>
/// <remarks>
/// Forward: reads x twice, in memory order; writes y once; y may be x. Backward: reads x and dy twice; writes dx once; dx may be dy. γ is
/// one number in a channel, so mean(g) and mean(g·x̂) are γ·Σdy/m and γ·Σdy·x̂/m and need no sums of their own. Behind a ReLU, y is read too,
/// and the gradient before the ReLU is written just before it is summed. All sums are in double, and so are their terms.
/// </remarks>
internal static class ChannelNorm
{
    /// <summary>Overwrites the mean, its low part and the biased variance of each channel. [F1] [F2]</summary>
    /// <param name="x">The input, (N, C, L), not empty.</param>
    /// <param name="planes">N, C and L.</param>
    /// <param name="moments">Overwritten, but for rstd.</param>
    /// <param name="variance">Overwritten, (C).</param>
    /// <param name="workspace">Overwritten, <see cref="WorkspaceLength"/>.</param>
    public static void Statistics(ReadOnlySpan<float> x, in Planes planes, in SetStatistics moments, Span<double> variance, Span<double> workspace)
    {
        int C = planes.Channels;
        Debug.Assert(x.Length == planes.Elements && x.Length > 0 && workspace.Length >= WorkspaceLength(planes), "Lengths differ.");
        Workspace rest = new(workspace);
        Span<float> shift = rest.Floats(2 * C)[..C]; // As long as doubles, so that sums of whole vectors begin at one.
        Span<float> columns = planes.AreColumns && planes.Length > 1 ? rest.Floats(2 * planes.Columns)[..planes.Columns] : default;
        ColumnValues.First(x, planes.Length, shift);

        // A channel whose shift was too far off has a better one the second time. The others get what they had.
        ChannelFactors.Moments formula = default;
        formula.Shift = shift;
        formula.Share = 1.0 / planes.ChannelElements;
        formula.Statistics = moments;
        formula.Variance = variance;
        for (int attempt = 0, far = C; attempt < 2 && far > 0; attempt++)
        {
            // The first row itself is in every thread's cache, a copy of it in the caller's.
            ReadOnlySpan<float> centre = !columns.IsEmpty ? ColumnValues.Of<float>(shift, planes.Length, columns) : attempt == 0 && planes.Length == 1 ? x : shift;
            formula.Sums = Sums(new MomentTerm(x, centre), planes, default, rest);
            far = ChannelFactors.Run<ChannelFactors.Moments, ChannelFactors.Moments>(in formula, C);
        }
    }

    /// <summary>Overwrites y, and rstd where a variance is given. [F3] [F4] [F5]</summary>
    /// <param name="pass">x, y, statistics, γ, β and ε.</param>
    /// <param name="planes">N, C and L.</param>
    /// <param name="workspace">Overwritten, <see cref="ChannelPass{TGradient}.WorkspaceLength"/>.</param>
    public static void Normalize(ref ChannelPass<No> pass, in Planes planes, Span<double> workspace) => pass.Run(in planes, new Workspace(workspace));

    /// <summary>
    /// One step of the running statistics, a channel at a time; a channel whose batch statistics do not fit a finite float is
    /// left as it was unless <paramref name="acceptNonFinite"/>. [F6] [F7]
    /// </summary>
    /// <param name="mean">The batch's mean, (C).</param>
    /// <param name="variance">The batch's biased variance, (C), or its deviation where that is tracked.</param>
    /// <param name="step">The weight of the batch, 0 to 1, and what the second statistic is multiplied by: m/(m − 1) for a variance.</param>
    /// <param name="acceptNonFinite">Whether NaN and infinity may be written.</param>
    /// <param name="runningMean">Overwritten, (C).</param>
    /// <param name="runningVariance">Overwritten, (C), or the running deviation.</param>
    /// <returns>The number of channels left as they were.</returns>
    public static int UpdateRunning(
        ReadOnlySpan<double> mean, ReadOnlySpan<double> variance, (double NewWeight, double Unbiased) step, bool acceptNonFinite, Span<float> runningMean, Span<float> runningVariance)
    {
        ChannelFactors.Running formula = default;
        formula.Mean = mean;
        formula.Variance = variance;
        (formula.NewWeight, formula.Unbiased) = step;
        formula.Accept = acceptNonFinite;
        formula.RunningMean = runningMean;
        formula.RunningVariance = runningVariance;
        return ChannelFactors.Run<ChannelFactors.Running, ChannelFactors.Running>(in formula, mean.Length);
    }

    /// <summary>Overwrites dx; <b>adds to</b> dγ and dβ.</summary>
    /// <param name="x">The input of the forward pass, (N, C, L).</param>
    /// <param name="planes">N, C and L.</param>
    /// <param name="sets">Statistics of the forward pass, and γ.</param>
    /// <param name="gradients">dy, dx, dγ and dβ; with a ReLU, y.</param>
    /// <param name="workspace">Overwritten, <see cref="WorkspaceLength"/>.</param>
    /// <returns>Σdy and Σdy·x̂ of each channel, (2, C), in the workspace.</returns>
    public static ReadOnlySpan<double> Backward(ReadOnlySpan<float> x, in Planes planes, in ChannelSets sets, in Gradients gradients, Span<double> workspace)
    {
        int C = planes.Channels;
        ChannelPass<Yes> pass = default;
        pass.Dy = gradients.BeforeReLU;
        Debug.Assert(x.Length == planes.Elements && pass.Dy.Length == x.Length && workspace.Length >= WorkspaceLength(planes), "Lengths differ.");
        Workspace rest = new(workspace);
        Span<double> sums = rest.Doubles(2 * C);
        ReadOnlySpan<double> mean = planes.AreColumns && planes.Length > 1 ? ColumnValues.Of<double>(sets.Statistics.Mean, planes.Length, rest.Doubles(planes.Columns)) : sets.Statistics.Mean;
        Sums(new GradientTerm(x, pass.Dy, mean), planes, gradients.Mask, rest).CopyTo(sums); // [B1] [B2]
        pass.X = x;
        pass.Result = gradients.Dx;
        pass.Sets.Statistics = sets.Statistics;
        pass.Sets.Gamma = sets.Gamma;
        pass.Sets.Corrections = sets.Corrections;
        pass.Sets.Sums = sums;
        pass.Sets.ChannelElements = planes.ChannelElements;
        _ = ChannelFactors.Run<ChannelFactors.Normalize, ChannelSets>(in pass.Sets, C);
        if (!gradients.Dx.IsEmpty && !sets.AreConstant)
        {
            pass.Run(in planes, rest); // [B5]
        }
        else if (!gradients.Dx.IsEmpty)
        {
            BackwardOfConstants(in pass, in planes, rest); // [B6]
        }

        Accumulation.Add(sums[..C], gradients.DBeta);
        if (!sets.Corrections.IsEmpty)
        {
            // Σdy·x̂ = R·Σdy·z + D·Σdy
            TensorPrimitives.Multiply(sums[C..], sets.Corrections.R, sums[C..]);
            TensorPrimitives.MultiplyAdd(sums[..C], sets.Corrections.D, sums[C..], sums[C..]);
        }

        Accumulation.Add(sums[C..], gradients.DGamma);
        if (!gradients.Totals.IsEmpty)
        {
            TensorPrimitives.Add(gradients.Totals, sums, gradients.Totals);
        }

        return sums;
    }

    /// <summary>How many doubles are enough for each method as workspace.</summary>
    /// <param name="planes">N, C and L.</param>
    public static long WorkspaceLength(in Planes planes)
    {
        long sums = planes.AreColumns ? 2L * planes.Columns * planes.Blocks.Count : PlaneSums<MomentTerm>.SumsLength(planes);
        return 2L * planes.Channels + (planes.AreColumns ? planes.Columns : 0) + Math.Max(planes.Channels + sums, ChannelPass<Yes>.WorkspaceLength(planes));
    }

    // dx = dy * gamma * R * rstd: y of dy with a mean and a D of 0. [B6]
    [MethodImpl(MethodImplOptions.NoInlining)] // It would have a place in the caller's frame, which is cleared at every call.
    private static void BackwardOfConstants(scoped in ChannelPass<Yes> gradient, in Planes planes, Workspace rest)
    {
        ChannelPass<No> pass = default;
        pass.X = gradient.Dy;
        pass.Result = gradient.Result;
        pass.Sets.Statistics = new SetStatistics(default, default, gradient.Sets.Statistics.Rstd);
        pass.Sets.Gamma = gradient.Sets.Gamma;
        pass.Sets.Corrections = new Corrections(gradient.Sets.Corrections.R, default);
        pass.Run(in planes, rest);
    }

    // Both sums of each channel, (2, C), in the workspace.
    private static Span<double> Sums<T>(T term, scoped in Planes planes, scoped in ReLUMask mask, Workspace rest)
        where T : struct, ITerm, allows ref struct
    {
        if (!planes.AreColumns)
        {
            return PlaneSums<T>.Of(term, planes, mask, rest.Doubles(PlaneSums<T>.SumsLength(planes)));
        }

        ColumnSums<T> kernel = default; // Filled in place: a constructor builds a second one and copies it.
        kernel.Term = term;
        kernel.Columns = planes.Columns;
        kernel.Blocks = planes.Blocks;
        kernel.Mask = mask;
        kernel.Sums = rest.Doubles(2 * kernel.Columns * kernel.Blocks.Count);
        Kernels.Run(ref kernel, kernel.Blocks.Count, planes.Elements);
        return ColumnValues.Sum(Accumulation.Fold(kernel.Sums, 2 * kernel.Columns), planes.Length);
    }
}
