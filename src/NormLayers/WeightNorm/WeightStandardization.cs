using NormLayers.Network;
using NormLayers.Normalization;

namespace NormLayers;

/// <summary>Weight standardization of a linear layer: the weights of each output get mean 0 and variance 1 before they are used.</summary>
/// <remarks>The learned weights start as the linear layer's. The derivation, line by line: README.md beside this file.</remarks>
public sealed class WeightStandardization : NormalizedLinear
{
    private double[] _mean;
    private double[] _low;

    /// <summary>Wraps a linear layer, and takes its name.</summary>
    /// <param name="linear">The layer whose weights are standardized; from now on only this layer should call it.</param>
    /// <param name="epsilon">ε, added to the biased variance under the root, ≥ 0. With 0, a constant row gives zeros all the same.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epsilon"/> out of range.</exception>
    public WeightStandardization(Linear linear, double epsilon = 1e-5)
        : base(linear, "weight")
    {
        Throw.IfNegativeOrNotFinite(epsilon, nameof(epsilon));
        Epsilon = epsilon;
        (_mean, _low, Rstd) = (new double[linear.Outputs], new double[linear.Outputs], new double[linear.Outputs]);
        Parameters = linear.Bias is null ? [Weight] : [Weight, linear.Bias];
    }

    /// <summary>ε, added to the biased variance under the root.</summary>
    public double Epsilon { get; }

    /// <summary>The learned weights, shape (outputs, inputs).</summary>
    public Parameter Weight => Raw;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions => LayerConventions.Of("weight standardization", Epsilon);

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        base.ReplaceBuffers();
        (_mean, _low) = (new double[_mean.Length], new double[_low.Length]);
    }

    private SetStatistics Statistics => new(_mean, _low, Rstd);

    private protected override void NormalizeWeights() => RowNorm.Forward<MeanAndVariance>(
        new() { X = Weight.Value, Y = Linear.Weight.Value, Features = Linear.Inputs }, new Epsilon(Epsilon), Statistics);

    private protected override void DifferentiateWeights(Span<float> dRaw, Span<double> workspace) => RowNorm.Backward<MeanAndVariance>(
        new() { X = Weight.Value, Features = Linear.Inputs }, new Epsilon(Epsilon), Statistics, new() { Dy = Linear.Weight.Gradient, Dx = dRaw }, workspace);

    private protected override NormReference CreateNormReference() => new(IndexSets.Rows(), IndexSets.All) { Epsilon = Epsilon };
}
