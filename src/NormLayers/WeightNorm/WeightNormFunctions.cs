using NormLayers.Normalization;

namespace NormLayers;

/// <content>Weight normalization and weight standardization.</content>
public static partial class Functional
{
    /// <summary>Weight normalization: w = g·v/‖v‖, row by row. A row of zeros gives zeros.</summary>
    /// <param name="v">The weights before, (N, C) row-major: a row for each output.</param>
    /// <param name="features">C, the inputs of an output, ≥ 1.</param>
    /// <param name="g">The length of each row of w, (N), with the 1 of a 1 + g added.</param>
    /// <param name="w">Overwritten with the weights to use, as long as v; may be v, but must not overlap it otherwise.</param>
    /// <param name="statistics">Overwritten with the rows' statistics, for the backward pass; null if none follows.</param>
    /// <exception cref="ArgumentException">A length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> out of range.</exception>
    public static void WeightNorm(ReadOnlySpan<float> v, int features, ReadOnlySpan<float> g, Span<float> w, NormStatistics? statistics = null)
    {
        CheckRows(v, features, Ones, epsilon: 0);
        Throw.IfLengthDiffers(g.Length, v.Length / features, nameof(g));
        Weights<L2>(new() { X = v, Features = features, RowGamma = g }, default, w, statistics);
    }

    /// <summary>The backward pass of weight normalization: <b>overwrites</b> <paramref name="dv"/>, and <b>adds to</b> <paramref name="dg"/>.</summary>
    /// <inheritdoc cref="WeightNorm" path="/*[@name='v' or @name='features' or @name='g' or self::exception]"/>
    /// <param name="dw">The gradient with respect to w, (N, C).</param>
    /// <param name="statistics">The rows' statistics, from the forward pass.</param>
    /// <param name="dv">Overwritten, (N, C); may be dw, but must not overlap it otherwise, nor v; empty if not wanted.</param>
    /// <param name="dg">Added to, (N); empty if not wanted.</param>
    public static void WeightNormBackward(ReadOnlySpan<float> v, ReadOnlySpan<float> dw, int features, ReadOnlySpan<float> g, NormStatistics statistics, Span<float> dv, Span<float> dg)
    {
        CheckRows(v, features, Ones, epsilon: 0);
        Throw.IfLengthDiffers(g.Length, v.Length / features, nameof(g));
        WeightsBackward<L2>(new() { X = v, Features = features, RowGamma = g }, dw, statistics, dv, dg);
    }

    /// <summary>Weight standardization: w = (v − μ)/√(σ² + ε), row by row. A row of equal values gives zeros.</summary>
    /// <inheritdoc cref="WeightNorm" path="/*[@name!='g' or self::exception[@cref='T:System.ArgumentException']]"/>
    /// <param name="epsilon">ε, added to the biased variance under the root, ≥ 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public static void WeightStandardization(ReadOnlySpan<float> v, int features, double epsilon, Span<float> w, NormStatistics? statistics = null)
    {
        CheckRows(v, features, Ones, epsilon);
        Weights<MeanAndVariance>(new() { X = v, Features = features }, new Epsilon(epsilon), w, statistics);
    }

    /// <summary>The backward pass of weight standardization: <b>overwrites</b> <paramref name="dv"/>.</summary>
    /// <inheritdoc cref="WeightNormBackward" path="/*[@name!='g' and @name!='dg' or self::exception]"/>
    public static void WeightStandardizationBackward(ReadOnlySpan<float> v, ReadOnlySpan<float> dw, int features, NormStatistics statistics, Span<float> dv)
    {
        CheckRows(v, features, Ones, epsilon: 0);
        WeightsBackward<MeanAndVariance>(new() { X = v, Features = features }, dw, statistics, dv, dg: default);
    }

    private static void Weights<S>(RowTensors tensors, Epsilon epsilon, Span<float> w, NormStatistics? statistics)
        where S : struct, IStatistic
    {
        CheckOutput(tensors.X, w, nameof(w));
        new Output<float>(w, nameof(w)).IsApartFrom(tensors.RowGamma, "g");
        RowNorm.Forward<S>(tensors with { Y = w }, epsilon, RowsOf(statistics, tensors.Rows));
    }

    private static void WeightsBackward<S>(RowTensors tensors, ReadOnlySpan<float> dw, NormStatistics statistics, Span<float> dv, Span<float> dg)
        where S : struct, IStatistic
    {
        CheckStatistics(statistics, tensors.Rows);
        Throw.IfLengthDiffers(dw.Length, tensors.X.Length, nameof(dw));
        CheckOutput(dv.IsEmpty ? default : dw, dv, nameof(dv));
        CheckGradient(dg, tensors.Rows, nameof(dg));
        new Output<float>(dv, nameof(dv)).IsApartFrom(tensors.X, "v").IsApartFrom(tensors.RowGamma, "g").IsApartFrom<float>(dg, nameof(dg));
        new Output<float>(dg, nameof(dg)).IsApartFrom(tensors.X, "v").IsApartFrom(dw, nameof(dw)).IsApartFrom(tensors.RowGamma, "g");
        Span<double> workspace = _workspace.AtLeast(RowNorm.WorkspaceLength(tensors.Rows, tensors.Features, rowGamma: !tensors.RowGamma.IsEmpty));
        RowNorm.Backward<S>(tensors, default, statistics.Sets, new() { Dy = dw, Dx = dv, DGamma = dg }, workspace);
    }
}
