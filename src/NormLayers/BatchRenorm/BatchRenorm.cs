using System.Numerics.Tensors;
using NormLayers.Normalization;

namespace NormLayers;

/// <summary>Batch renormalization: batch normalization whose output in training is corrected towards what the running statistics give.</summary>
/// <remarks>
/// <para>y = γ·(R·(x − μ)/s + D) + β with s = √(σ² + ε), R = s/s_run and D = (μ − μ_run)/s_run, both within <see cref="Limits"/> and constants in the backward pass.
/// R = 1 and D = 0 is <see cref="BatchNorm"/>, bit for bit. The derivation, line by line: README.md beside this file.</para>
/// <para>It tracks standard deviations with ε in them, <see cref="RunningStatistics.Deviation"/>, and in evaluation y = γ·(x − μ_run)/s_run + β. The step of
/// the limits is <see cref="RunningStatistics.BatchesSeen"/>. A running deviation of 0 corrects nothing.</para>
/// </remarks>
public sealed class BatchRenorm : BatchNorm
{
    private readonly double[] _deviation;

    /// <summary>Creates a layer with y = x̂ (γ = 1, or 0 where the scale is 1 + γ, and β = 0), running mean 0 and running deviation 1.</summary>
    /// <param name="features">C, the number of channels: the second dimension of the input, ≥ 1.</param>
    /// <param name="limits">The limits of R and D; <see cref="RenormLimits.Paper"/> for the paper's.</param>
    /// <inheritdoc cref="BatchNorm(int, double, Momentum?, bool, bool, bool, NonFiniteStatistics, bool, bool, string)" path="/*[self::param[@name!='features' and @name!='trackRunningStatistics'] or self::exception]"/>
    /// <exception cref="ArgumentNullException"><paramref name="limits"/> is null.</exception>
    public BatchRenorm(
        int features, RenormLimits limits, double epsilon = 1e-5, Momentum? momentum = null, bool withGamma = true, bool withBeta = true,
        NonFiniteStatistics nonFinite = NonFiniteStatistics.Skip, bool relu = false, bool onePlusGamma = false, string name = "batchrenorm")
        : base(
            new Affine(Throw.IfNotPositive(features, nameof(features)), withGamma, withBeta, onePlusGamma),
            new RunningStatistics(features, ofDeviations: true),
            (features, epsilon, momentum, relu, name),
            nonFinite)
    {
        ArgumentNullException.ThrowIfNull(limits);
        Limits = limits;
        _deviation = new double[features];
    }

    /// <summary>The limits of R and D, step by step.</summary>
    public RenormLimits Limits { get; }

    /// <inheritdoc/>
    /// <remarks>False: by R and D the running statistics scale the output.</remarks>
    public override bool IgnoresInputScale => false;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions =>
        LayerConventions.Of("batch renormalization", Epsilon, Gamma is not null, OnePlusGamma, Momentum, relu: HasReLU, more: Limits.Numbers);

    /// <inheritdoc/>
    /// <remarks>R and D are computed in the first forward pass after a backward pass, and held until the next: difference quotients see constants.</remarks>
    public override ReferenceLayer CreateReference()
    {
        (double[] runningMean, double[] runningDeviation) = Running!.Wide();
        if (!UsesBatchStatistics)
        {
            return Reference(IndexSets.Channels, IndexSets.Channels, IndexSets.Over(1), (runningMean, Array.ConvertAll(runningDeviation, s => s * s)), epsilon: 0);
        }

        WideAffine affine = Affine.ToReference(Features);
        (double RMax, double DMax) limits = Limits.At(Running.BatchesSeen);
        bool[]? mask = Mask;
        int[][] sets = [];
        (double Mean, double Deviation, double R, double D)[] statistics = [];
        bool isHeld = false;
        double[] Forward(double[] x, Shape shape)
        {
            int[] positionOf = IndexSets.Over(1).NumberOf(shape);
            sets = Array.ConvertAll(IndexSets.Channels.Of(shape), S => Array.FindAll(S, i => mask is null || mask[positionOf[i]]));
            (double Mean, double Deviation, double R, double D)[] now = BatchRenormReference.Statistics(x, sets, Epsilon, runningMean, runningDeviation, limits);
            statistics = isHeld ? [.. now.Zip(statistics, (v, held) => (v.Mean, v.Deviation, held.R, held.D))] : now;
            isHeld = true;
            return BatchRenormReference.Normalize(x, sets, statistics, affine.Scale, affine.Beta.Value);
        }

        double[] Backward(double[] x, double[] dy)
        {
            isHeld = false;
            return BatchRenormReference.Backward(x, dy, sets, statistics, affine.Scale, affine.Gamma.Gradient, affine.Beta.Gradient);
        }

        return new FunctionReference(affine.With(), Forward, Backward, HasReLU);
    }

    private protected override double ReferenceSpread(double variance, double m) => Math.Sqrt(variance + Epsilon);

    private protected override bool Corrects => true;

    private protected override void Correct(NormStatistics statistics) =>
        RenormFactors.Compute(statistics, Running!.Mean, Running.Deviation, Epsilon, Limits.At(Running.BatchesSeen), _deviation);

    private protected override ReadOnlySpan<double> SpreadOfBatch => _deviation;

    private protected override double UnbiasedFactor(double m) => 1;

    // The square of a float is exact in double, and so is its root.
    private protected override void TakeRunning()
    {
        base.TakeRunning();
        TensorPrimitives.Multiply(Statistics.Variances, Statistics.Variances, Statistics.Variances);
    }

    private protected override double EpsilonOf(bool batchStatistics) => batchStatistics ? Epsilon : 0;
}
