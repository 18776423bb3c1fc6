using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>A normalization with optional γ and β, and optionally a ReLU, as a layer: y = γ·x̂ + β, or max(y, 0).</summary>
public abstract class NormalizationLayer : MaskableLayer, INormalization
{
    private Affine _affine;
    private AlignedBuffer _output;
    private AlignedBuffer _masked;

    private protected NormalizationLayer(string name, Affine affine, double epsilon, bool relu)
        : base(name)
    {
        Throw.IfNegativeOrNotFinite(epsilon, nameof(epsilon));
        _affine = affine;
        Epsilon = epsilon;
        HasReLU = relu;
    }

    /// <summary>ε, added to the variance under the root.</summary>
    public double Epsilon { get; }

    /// <summary>Whether the output is rectified: y = max(·, 0).</summary>
    public bool HasReLU { get; }

    /// <summary>The scale γ; null if the layer has none.</summary>
    public Parameter? Gamma => _affine.Gamma;

    /// <summary>The shift β, of γ's shape; null if the layer has none.</summary>
    public Parameter? Beta => _affine.Beta;

    /// <summary>Whether x̂ is scaled by 1 + γ, and not by γ.</summary>
    public bool OnePlusGamma => _affine.OnePlusGamma;

    /// <summary>Whether γ and β, those that there are, are frozen: backward passes leave their gradients, and optimizers their values, alone. False for a layer with neither.</summary>
    public bool FreezeParameters
    {
        get => _affine.Parameters.Count > 0 && _affine.Parameters.All(p => p.Frozen);
        set
        {
            foreach (Parameter parameter in _affine.Parameters)
            {
                parameter.Frozen = value;
            }
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => _affine.Parameters;

    /// <inheritdoc/>
    public virtual bool IgnoresInputScale => true;

    /// <inheritdoc/>
    public virtual RunningStatistics? Running => null;

    /// <summary>What x̂ is multiplied by and what is added then; empty for ones, and for zeros.</summary>
    private protected Affine Affine => _affine;

    /// <summary>The layer over these sets in double, with a copy of γ and β; running statistics are given where they are used.</summary>
    private protected NormReference Reference(
        IndexSets sets, IndexSets parameters, IndexSets maskedTogether, (double[] Mean, double[] Variance)? given = null, double? epsilon = null) =>
        new(sets, parameters)
        {
            Epsilon = epsilon ?? Epsilon,
            Gamma = _affine.WideGamma,
            Beta = _affine.WideBeta,
            OnePlusGamma = OnePlusGamma,
            ReLU = HasReLU,
            Given = given,
            Mask = Mask,
            MaskedTogether = maskedTogether,
        };

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        base.ReplaceBuffers();
        (_affine, _output, _masked) = (_affine.Share(), default, default);
    }

    /// <summary>Overwrites y with the output, from the statistics of the last forward pass.</summary>
    private protected abstract void Normalize(ReadOnlySpan<float> x, Shape shape, Span<float> y);

    /// <summary>The backward pass proper; with a ReLU the gradients have its output.</summary>
    private protected abstract void Backward(ReadOnlySpan<float> x, Shape shape, in Gradients gradients);

    /// <inheritdoc/>
    protected sealed override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) =>
        BackwardCore(x, default, dy, shape, dx);

    /// <inheritdoc/>
    protected sealed override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        if (x.IsEmpty)
        {
            return;
        }

        if (HasReLU && y.IsEmpty)
        {
            Span<float> output = _output.FloatsAtLeast(x.Length);
            Normalize(x, shape, output);
            y = output;
        }

        Backward(x, shape, new()
        {
            Dy = dy,
            Dx = dx,
            DGamma = _affine.DGamma,
            DBeta = _affine.DBeta,
            Output = HasReLU ? y : default,
            Masked = HasReLU && dx.IsEmpty ? _masked.FloatsAtLeast(dy.Length) : dx,
        });
    }
}
