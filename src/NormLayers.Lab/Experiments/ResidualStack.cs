using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>The feed-forward half of a Transformer at its initialization, run once forward and backward: x + W₂·ReLU(W₁·x), normalized before or after.</summary>
internal sealed class ResidualStack
{
    public const int Width = 256;
    public const int Samples = 32;
    private static readonly Shape _shape = (Samples, Width);

    private readonly Block[] _blocks;
    private readonly bool _normalizesFirst;

    public ResidualStack(int depth, bool normalizesFirst, RandomSource random)
    {
        _normalizesFirst = normalizesFirst;
        _blocks = [.. Enumerable.Range(0, depth).Select(_ => new Block(random))];
        LayerNorm1D last = new(Width, withGamma: false, withBeta: false);
        Linear output = new(Width, Width, random, Initialization.XavierNormal, withBias: false);
        float[] x = new float[Samples * Width];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = (float)random.NextNormal();
        }

        foreach (Block block in _blocks)
        {
            x = Forward(block, x);
        }

        // Before the output, normalizing first needs one normalization more.
        float[] top = normalizesFirst ? Apply(last, x) : x;
        float[] dLogits = new float[x.Length];
        int[] labels = [.. Enumerable.Range(0, Samples).Select(_ => random.NextInt(Width))];
        SoftmaxCrossEntropy.Evaluate(Apply(output, top), labels, dLogits);
        float[] gradient = Back(output, top, dLogits);
        if (normalizesFirst)
        {
            gradient = Back(last, x, gradient);
        }

        for (int l = depth - 1; l >= 0; l--)
        {
            gradient = Backward(_blocks[l], gradient);
        }
    }

    /// <summary>Mean ‖x‖²/width where a block adds: what leaves it, before a normalization that follows.</summary>
    public double SquaredNorm(int block) => SumOfSquares(_blocks[block].Sum) / (Samples * Width);

    /// <summary>The norm of the gradient of a block's second matrix, for the mean loss of all samples.</summary>
    public double GradientNorm(int block) => Math.Sqrt(SumOfSquares(_blocks[block].Second.Weight.Gradient));

    /// <summary>The squared norm of the gradient of a block's second matrix for the loss of one sample, as a mean over the samples.</summary>
    public double SquaredSampleGradient(int block)
    {
        double sum = 0;
        for (int n = 0; n < Samples; n++)
        {
            // One sample's gradient is an outer product.
            Range row = (n * Width)..((n + 1) * Width);
            sum += SumOfSquares(_blocks[block].Upstream[row]) * SumOfSquares(_blocks[block].Rectified[row]);
        }

        // The loss is a mean over the samples, and so its gradients are that much smaller than one sample's.
        return sum * Samples;
    }

    private float[] Forward(Block block, float[] x)
    {
        block.Input = x;
        block.Normalized = _normalizesFirst ? Apply(block.Norm, x) : x;
        block.Hidden = Apply(block.First, block.Normalized);
        block.Rectified = Apply(block.ReLU, block.Hidden);
        block.Sum = [.. Apply(block.Second, block.Rectified).Zip(x, (f, v) => f + v)];
        return _normalizesFirst ? block.Sum : Apply(block.Norm, block.Sum);
    }

    private float[] Backward(Block block, float[] gradient)
    {
        if (!_normalizesFirst)
        {
            gradient = Back(block.Norm, block.Sum, gradient);
        }

        block.Upstream = gradient;
        float[] inner = Back(block.First, block.Normalized, Back(block.ReLU, block.Hidden, Back(block.Second, block.Rectified, gradient)));
        if (_normalizesFirst)
        {
            inner = Back(block.Norm, block.Input, inner);
        }

        return [.. gradient.Zip(inner, (g, v) => g + v)];
    }

    private static float[] Apply(Layer layer, float[] x)
    {
        float[] y = new float[x.Length];
        layer.Forward(x, _shape, y);
        return y;
    }

    private static float[] Back(Layer layer, float[] x, float[] dy)
    {
        float[] dx = new float[x.Length];
        layer.Backward(x, dy, dx);
        return dx;
    }

    private static double SumOfSquares(float[] values) => values.Sum(v => (double)v * v);

    private sealed class Block(RandomSource random)
    {
        public Linear First { get; } = new(Width, Width, random, Initialization.XavierNormal, withBias: false);

        public Linear Second { get; } = new(Width, Width, random, Initialization.XavierNormal, withBias: false);

        public ReLU ReLU { get; } = new();

        public LayerNorm1D Norm { get; } = new(Width, withGamma: false, withBeta: false);

        public float[] Input { get; set; } = [];

        public float[] Normalized { get; set; } = [];

        public float[] Hidden { get; set; } = [];

        public float[] Rectified { get; set; } = [];

        public float[] Sum { get; set; } = [];

        public float[] Upstream { get; set; } = [];
    }
}
