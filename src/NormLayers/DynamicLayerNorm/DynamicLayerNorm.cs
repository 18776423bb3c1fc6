using System.Numerics.Tensors;
using NormLayers.Network;
using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>Dynamic layer normalization: layer normalization over the last dimension whose scale and shift are linear maps of the row itself.</summary>
/// <remarks>
/// <para>y = (1 + a)·(x − μ)/√(σ² + ε) + b with a = A·x + a₀ and b = B·x + b₀, each row by itself, the same in training and evaluation. A, a₀, B and b₀ start at 0: the layer
/// starts as layer normalization, whose γ − 1 and β are then a₀ and b₀. It is two <see cref="Linear"/> layers and an <see cref="AdaptiveLayerNorm"/>, on whose page it is.</para>
/// <para>Takes (N, …, C). <c>y</c> may be <c>x</c> where no backward pass follows. NaN stays within its row. A mask has a value for each row, as the maps read whole rows.
/// Without a mask, no allocation after the largest batch has been seen.</para>
/// <para>Source: Kim, Song, Bengio, "Dynamic Layer Normalization for Adaptive Neural Acoustic Modeling in Speech Recognition", 2017, arXiv:1707.06065, §3: there of a summary of the utterance.</para>
/// </remarks>
public sealed class DynamicLayerNorm : MaskableLayer, INormalization
{
    private AdaptiveLayerNorm _norm;
    private AlignedBuffer _a;
    private AlignedBuffer _b;

    /// <summary>Creates a layer that is layer normalization with γ = 1 and β = 0 at first.</summary>
    /// <param name="features">C, the last dimension of the input, 1 to 46340: a map has C² weights in one array.</param>
    /// <param name="epsilon">ε, added to the variance under the root, ≥ 0. With 0, a constant row gives b all the same.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> or <paramref name="epsilon"/> out of range.</exception>
    public DynamicLayerNorm(int features, double epsilon = 1e-5, string name = "dynamiclayernorm")
        : base(name)
    {
        _ = Linear.Weights(features, features, nameof(features));
        _norm = new AdaptiveLayerNorm(features, epsilon, name: name);
        Linear Map(string of) => new(new Parameter($"{of}_weight", (features, features)), new Parameter($"{of}_bias", features), name);
        (ScaleMap, ShiftMap) = (Map("scale"), Map("shift"));
        Parameters = [.. ScaleMap.Parameters, .. ShiftMap.Parameters];
    }

    /// <summary>C, the last dimension of the input.</summary>
    public int Features => _norm.Features;

    /// <summary>ε, added to the variance under the root.</summary>
    public double Epsilon => _norm.Epsilon;

    /// <summary>The map from a row to its scale minus 1: A, shape (C, C), and a₀, shape (C), as <c>scale_weight</c> and <c>scale_bias</c>.</summary>
    public Linear ScaleMap { get; private set; }

    /// <summary>The map from a row to its shift: B, shape (C, C), and b₀, shape (C), as <c>shift_weight</c> and <c>shift_bias</c>.</summary>
    public Linear ShiftMap { get; private set; }

    /// <inheritdoc/>
    /// <remarks>False: a and b grow with the row.</remarks>
    public bool IgnoresInputScale => false;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions => LayerConventions.Of("dynamic layer normalization", Epsilon, hasGamma: true, onePlusGamma: true);

    internal override int MaskedTogether => Features;

    private protected override string MaskedUnit => "rows";

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape) => _norm.OutputShape(shape);

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference()
    {
        (ReferenceLayer scale, ReferenceLayer shift, int C, double epsilon) = (ScaleMap.CreateReference(), ShiftMap.CreateReference(), Features, Epsilon);
        bool[]? mask = Mask;
        int[] kept = [];
        double[] a = [];
        (double[] Y, double[] Mean, double[] Rstd) last = ([], [], []);
        double[] Gather(double[] whole) => Array.ConvertAll(kept, i => whole[i]);
        double[] Scatter(double[] left, int length)
        {
            double[] whole = new double[length];
            for (int i = 0; i < left.Length; i++)
            {
                whole[kept[i]] = left[i];
            }

            return whole;
        }

        return new FunctionReference(
            [.. scale.Parameters, .. shift.Parameters],
            (x, _) =>
            {
                kept = [.. Enumerable.Range(0, x.Length).Where(i => mask is null || mask[i / C])];
                double[] left = Gather(x);
                Shape rows = (left.Length / C, C);
                a = scale.Forward(left, rows);
                last = AdaptiveLayerNormReference.Forward(left, C, a, shift.Forward(left, rows), epsilon);
                return Scatter(last.Y, x.Length);
            },
            (x, dy) =>
            {
                (double[] dx, double[] da, double[] db) = AdaptiveLayerNormReference.Backward(Gather(x), Gather(dy), C, a, last.Mean, last.Rstd);
                TensorPrimitives.Add(dx, scale.Backward(da), dx);
                TensorPrimitives.Add(dx, shift.Backward(db), dx);
                return Scatter(dx, x.Length);
            });
    }

    private protected override void Keep(Compaction kept, ReadOnlySpan<bool> mask, Shape shape) => kept.KeepRows(mask, shape.Length / Features, Features);

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        base.ReplaceBuffers();
        (_norm, ScaleMap, ShiftMap) = ((AdaptiveLayerNorm)_norm.Share(), (Linear)ScaleMap.Share(), (Linear)ShiftMap.Share());
        (_a, _b) = (default, default);
    }

    /// <inheritdoc/>
    protected override void PackWeights() => (ScaleMap, ShiftMap) = ((Linear)ScaleMap.ForInference(), (Linear)ShiftMap.ForInference());

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        if (Kept is not { } kept)
        {
            ForwardRows(x, y);
            return;
        }

        Span<float> left = kept.GatherX(x);
        ForwardRows(left, left);
        kept.Scatter(left, y);
    }

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        if (Kept is not { } kept)
        {
            BackwardRows(x, dy, dx);
            return;
        }

        Gradients left = kept.Gather(new Gradients { Dy = dy, Dx = dx });
        BackwardRows(kept.GatherX(x), left.Dy, left.Dx);
        kept.Scatter(left.Dx, dx);
    }

    private void ForwardRows(ReadOnlySpan<float> x, Span<float> y)
    {
        Span<float> a = _a.FloatsAtLeast(x.Length);
        Span<float> b = _b.FloatsAtLeast(x.Length);
        Shape rows = (x.Length / Features, Features);
        ScaleMap.Forward(x, rows, a);
        ShiftMap.Forward(x, rows, b);
        _norm.SetCondition(a, b);
        _norm.Forward(x, rows, y);
    }

    // x reaches y three times: by the normalization, by a and by b.
    private void BackwardRows(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> dx)
    {
        _norm.Backward(x, dy, dx);
        Add(ScaleMap, x, _norm.ScaleGradient, dx);
        Add(ShiftMap, x, _norm.ShiftGradient, dx);
    }

    private void Add(Linear map, ReadOnlySpan<float> x, ReadOnlySpan<float> gradient, Span<float> dx)
    {
        Span<float> part = dx.IsEmpty ? default : _a.FloatsAtLeast(dx.Length);
        map.Backward(x, gradient, part);
        TensorPrimitives.Add(dx, part, dx);
    }
}
