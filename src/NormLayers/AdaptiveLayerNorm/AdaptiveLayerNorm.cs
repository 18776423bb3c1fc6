using System.Numerics.Tensors;
using NormLayers.Normalization;

namespace NormLayers;

/// <summary>Adaptive layer normalization: layer normalization over the last dimension whose scale and shift are inputs, one pair for each sample.</summary>
/// <remarks>
/// <para>y = (1 + a)·(x − μ)/√(σ² + ε) + b. The layer learns nothing: a and b come from a network before it, by <see cref="SetCondition"/>, and their gradients go
/// back to it. The derivation, line by line: README.md beside this file.</para>
/// <para>Takes (N, …, C): the dimensions between are tokens, which share the a and b of their sample. <c>y</c> may be <c>x</c> where no backward pass follows. NaN and
/// infinity spread within their token only. A mask has a value for each element, or for each token. Without a mask, no allocation after the largest batch has been seen.</para>
/// </remarks>
public sealed class AdaptiveLayerNorm : RowLayer
{
    private float[] _scale = [];
    private float[] _factor = [];
    private float[] _shift = [];
    private float[] _dScale = [];
    private float[] _dShift = [];
    private int _conditioned;
    private int _gradients;
    private bool _isNewCondition;

    /// <summary>Creates a layer without a condition.</summary>
    /// <param name="features">C, the last dimension of the input, ≥ 1.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0. With 0, a constant token gives b all the same.</param>
    /// <param name="onePlusScale">Whether x̂ is scaled by 1 + a, as in DiT, and not by a.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public AdaptiveLayerNorm(int features, double epsilon = 1e-5, bool onePlusScale = true, string name = "adaptivelayernorm")
        : base(name, features, new Epsilon(epsilon)) => OnePlusScale = onePlusScale;

    /// <summary>Whether x̂ is scaled by 1 + a, and not by a.</summary>
    public bool OnePlusScale { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions => LayerConventions.Of("adaptive layer normalization", Epsilon, hasGamma: true, OnePlusScale);

    /// <summary>The gradient with respect to a, (N, C), of the last backward pass; empty before the first.</summary>
    public ReadOnlySpan<float> ScaleGradient => _dScale.AsSpan(0, _gradients);

    /// <summary>The gradient with respect to b, (N, C), of the last backward pass; empty before the first.</summary>
    public ReadOnlySpan<float> ShiftGradient => _dShift.AsSpan(0, _gradients);

    /// <summary>Sets a and b of the next passes; both are copied. Not between a forward pass and its backward pass, which needs the same condition.</summary>
    /// <param name="scale">a of each sample, (N, C).</param>
    /// <param name="shift">b of each sample, (N, C).</param>
    /// <exception cref="ArgumentException">Lengths that differ, or no whole rows of C.</exception>
    public void SetCondition(ReadOnlySpan<float> scale, ReadOnlySpan<float> shift)
    {
        if (scale.Length % Features != 0)
        {
            Throw.Argument(nameof(scale), $"whole rows of {Features} elements", $"{scale.Length} elements");
        }

        Throw.IfLengthDiffers(shift.Length, scale.Length, nameof(shift));
        if (_scale.Length < scale.Length)
        {
            (_scale, _factor, _shift) = (new float[scale.Length], new float[scale.Length], new float[scale.Length]);
        }

        scale.CopyTo(_scale);
        shift.CopyTo(_shift);
        TensorPrimitives.Add(scale, OnePlusScale ? 1 : 0, _factor);
        (_conditioned, _isNewCondition) = (scale.Length, true);
    }

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape) => Throw.IfNoSamplesOf(Features, shape, Name, nameof(shape));

    /// <inheritdoc/>
    /// <remarks>Its gradients with respect to a and b are <see cref="NormReference.DGamma"/> and <see cref="NormReference.DBeta"/>.</remarks>
    public override ReferenceLayer CreateReference()
    {
        int features = Features;
        IndexSets ofSample = IndexSets.By((shape, i) => i / (shape.Length / shape[0]) * features + i % features);
        return new NormReference(IndexSets.By((_, i) => i / features), ofSample)
        {
            Epsilon = Epsilon,
            Gamma = Array.ConvertAll(_scale[.._conditioned], v => (double)v),
            Beta = Array.ConvertAll(_shift[.._conditioned], v => (double)v),
            OnePlusGamma = OnePlusScale,
            Mask = Mask,
            MaskedTogether = IndexSets.Rows(),
        };
    }

    private protected override void Keep(Compaction kept, ReadOnlySpan<bool> mask, Shape shape) =>
        kept.KeepRows(mask, shape.Length / Features, Features, Functional.TokensOf(shape));

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        base.ReplaceBuffers();
        (_scale, _factor, _shift, _dScale, _dShift, _conditioned, _gradients) = ([], [], [], [], [], 0, 0);
    }

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        if (_conditioned != shape[0] * Features)
        {
            Throw.Operation($"{Name}: the condition is of {_conditioned / Features} samples, and the input of {shape[0]}. SetCondition comes before Forward.");
        }

        Forward<MeanAndVariance>(Tensors(x, shape) with { Y = y, Beta = _shift.AsSpan(0, _conditioned) });
        _isNewCondition = false;
    }

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        if (_isNewCondition)
        {
            Throw.Operation($"{Name}: SetCondition came after the forward pass, whose condition Backward needs.");
        }

        if (_dScale.Length < _conditioned)
        {
            (_dScale, _dShift) = (new float[_conditioned], new float[_conditioned]);
        }

        _gradients = _conditioned;
        Gradients gradients = new() { Dy = dy, Dx = dx, DGamma = _dScale.AsSpan(0, _gradients), DBeta = _dShift.AsSpan(0, _gradients) };
        gradients.DGamma.Clear();
        gradients.DBeta.Clear();
        Backward<MeanAndVariance>(Tensors(x, shape), gradients);
    }

    private RowTensors Tensors(ReadOnlySpan<float> x, Shape shape) =>
        new() { X = x, Features = Features, Gamma = _factor.AsSpan(0, _conditioned), RowsPerParameters = Functional.TokensOf(shape) };
}
