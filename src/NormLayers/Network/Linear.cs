using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>A fully connected layer: y = x·Wᵀ + b, on the last dimension of any shape (N, …, K).</summary>
/// <remarks>
/// A shape has at least one dimension before the K features: (K) alone is refused, one row is (1, K).
/// Weights are stored [out, in], as in PyTorch. <c>y</c> must not overlap <c>x</c>, and neither <c>y</c> nor <c>dx</c> the weights. For the backward pass of a layer with 512 outputs and
/// 256 inputs or more, each calling thread keeps a workspace, of at most 256 floats an output of its widest layer. For weights that
/// do not change any more see <see cref="Layer.ForInference"/>: a pass packs them anew otherwise, and few rows take several times as long.
/// </remarks>
public sealed class Linear : Layer
{
    private readonly Parameter[] _parameters;

    // The weights of a layer for inference.
    private PackedMatrix? _packed;

    /// <summary>Creates a layer with weights drawn at random and bias 0.</summary>
    /// <param name="inputs">The features of an input row, ≥ 1.</param>
    /// <param name="outputs">The features of an output row, ≥ 1.</param>
    /// <param name="random">Where the weights are drawn from: outputs·inputs draws, row by row.</param>
    /// <param name="initialization">How they are drawn.</param>
    /// <param name="withBias">Whether there is a learnable bias.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException">A width below 1, more weights than an array has, or no such initialization.</exception>
    public Linear(
        int inputs,
        int outputs,
        RandomSource random,
        Initialization initialization = Initialization.HeNormal,
        bool withBias = true,
        string name = "linear")
        : this(NewWeight(inputs, outputs), inputs, withBias ? new float[outputs] : null, name)
    {
        ArgumentNullException.ThrowIfNull(random);
        Throw.IfUndefined(initialization, nameof(initialization));
        Initialize(random, initialization);
    }

    /// <summary>Creates a layer on weights that are there already: kept, not copied.</summary>
    /// <param name="weight">W, (outputs, inputs), row-major.</param>
    /// <param name="inputs">The features of an input row, ≥ 1.</param>
    /// <param name="bias">b, one number an output; null for a layer without.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentException">No row of weights, one that is not whole, or a bias of another length.</exception>
    public Linear(float[] weight, int inputs, float[]? bias = null, string name = "linear")
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(weight);
        Throw.IfNotPositive(inputs, nameof(inputs));
        Inputs = inputs;
        Outputs = weight.Length / inputs;
        if (Outputs == 0 || weight.Length % inputs != 0)
        {
            Throw.Argument(nameof(weight), $"one or more rows of {inputs} elements", $"{weight.Length} elements");
        }

        Throw.IfLengthDiffers(bias?.Length ?? Outputs, Outputs, nameof(bias));
        Weight = new Parameter("weight", (Outputs, inputs), weight);
        Bias = bias is null ? null : new Parameter("bias", Outputs, bias);
        _parameters = Bias is null ? [Weight] : [Weight, Bias];
    }

    /// <summary>Creates a layer on parameters that are there already, with names of their own.</summary>
    internal Linear(Parameter weight, Parameter bias, string name)
        : base(name)
    {
        (Inputs, Outputs, Weight, Bias) = (weight.Shape[1], weight.Shape[0], weight, bias);
        _parameters = [Weight, Bias];
    }

    /// <summary>The features of an input row.</summary>
    public int Inputs { get; }

    /// <summary>The features of an output row.</summary>
    public int Outputs { get; }

    /// <summary>The weights W, shape (outputs, inputs).</summary>
    public Parameter Weight { get; }

    /// <summary>The bias b, shape (outputs); null if the layer has none.</summary>
    public Parameter? Bias { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => _parameters;

    /// <inheritdoc/>
    protected override bool MayBeInPlace => false;

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape) => Throw.IfNoSamplesOf(Inputs, shape, Name, nameof(shape)).WithLast(Outputs);

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new Reference(this);

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
    }

    /// <inheritdoc/>
    protected override void PackWeights() => _packed = new PackedMatrix(new MatrixView(Weight.Value, Outputs, Inputs).Transpose());

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        MatrixProduct.CheckApart(Weight.Value, y, nameof(y));
        MatrixProduct.CheckApart(Bias?.Value, y, nameof(y));
        if (_packed is null)
        {
            MatrixProduct.MultiplyTransposed(x, Weight.Value, Bias?.Value, Inputs, y);
        }
        else
        {
            _packed.Multiply(x, Bias?.Value, y);
        }
    }

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        if (!dx.IsEmpty)
        {
            MatrixProduct.CheckApart(Weight.Value, dx, nameof(dx));
            MatrixProduct.Multiply(dy, Weight.Value, Inputs, dx);
        }

        if (!Weight.Frozen)
        {
            MatrixProduct.AddTransposedProduct(dy, x, Inputs, Weight.Gradient);
        }

        if (Bias is { Frozen: false })
        {
            BiasGradient kernel = new(dy, Bias.Gradient);
            Kernels.Run(ref kernel, BiasGradient.Units(Outputs), dy.Length);
        }
    }

    private static float[] NewWeight(int inputs, int outputs)
    {
        Throw.IfNotPositive(inputs, nameof(inputs));
        return new float[Weights(inputs, outputs, nameof(outputs))];
    }

    /// <summary>Checks that there are outputs, and that an array has their weights; returns how many these are.</summary>
    internal static int Weights(int inputs, int outputs, string name)
    {
        Throw.IfNotPositive(outputs, name);
        if ((long)inputs * outputs > Array.MaxLength)
        {
            Throw.OutOfRange(name, FormattableString.Invariant($"at most {Array.MaxLength / inputs}, so that {inputs} x {name} weights fit one array"), outputs);
        }

        return inputs * outputs;
    }

    private void Initialize(RandomSource random, Initialization initialization)
    {
        bool he = initialization is Initialization.HeNormal or Initialization.HeUniform;
        bool uniform = initialization is Initialization.HeUniform or Initialization.XavierUniform;
        double deviation = Math.Sqrt(2.0 / (he ? Inputs : Inputs + Outputs));
        double bound = Math.Sqrt(3) * deviation;
        for (int i = 0; i < Weight.Value.Length; i++)
        {
            Weight.Value[i] = (float)(uniform ? random.NextDouble(-bound, bound) : deviation * random.NextNormal());
        }
    }

    /// <summary>dBias[j] += Σ dy[n, j]: each a chain over the rows in order. Units are groups of sixteen columns.</summary>
    private readonly ref struct BiasGradient(ReadOnlySpan<float> dy, Span<float> gradient) : IKernel
    {
        private readonly ReadOnlySpan<float> _dy = dy;
        private readonly Span<float> _gradient = gradient;

        public static int Units(int columns) => (columns + 15) / 16;

        [MethodImpl(Kernels.FullyOptimized)]
        public void Run<L, D>(int first, int count)
            where L : struct, ILanes<L>
            where D : struct, IDoubleLanes<D>
        {
            int end = Math.Min(16 * (first + count), _gradient.Length);
            int column = 16 * first;
            for (; column <= end - 16; column += 16)
            {
                AddColumn<L>(column);
            }

            for (; column < end; column++)
            {
                AddColumn<SingleLane>(column);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void AddColumn<L>(int column)
            where L : struct, ILanes<L>
        {
            ref readonly float dy = ref MemoryMarshal.GetReference(_dy);
            ref float gradient = ref MemoryMarshal.GetReference(_gradient);
            L sum = L.Load(in gradient, column);
            for (nint i = column; i < _dy.Length; i += _gradient.Length)
            {
                sum += L.Load(in dy, i);
            }

            L.Store(sum, ref gradient, column);
        }
    }

    private sealed class Reference(Linear layer) : ReferenceLayer
    {
        private readonly ReferenceParameter _weight = ReferenceParameter.From(layer.Weight);
        private readonly ReferenceParameter _bias = ReferenceParameter.From(layer.Bias, layer.Outputs, fill: 0);
        private double[] _x = [];

        public override IReadOnlyList<ReferenceParameter> Parameters =>
            ReferenceParameter.Present((layer.Weight, _weight), (layer.Bias, _bias));

        public override double[] Forward(double[] x, Shape shape)
        {
            _x = x;
            (int K, int M) = (layer.Inputs, layer.Outputs);
            double[] y = new double[x.Length / K * M];
            for (int i = 0; i < y.Length; i++)
            {
                (int n, int j) = (i / M, i % M);
                y[i] = _bias.Value[j];
                for (int k = 0; k < K; k++)
                {
                    y[i] += x[n * K + k] * _weight.Value[j * K + k];
                }
            }

            return y;
        }

        public override double[] Backward(double[] dy)
        {
            (int K, int M) = (layer.Inputs, layer.Outputs);
            double[] dx = new double[_x.Length];
            for (int i = 0; i < dy.Length; i++)
            {
                (int n, int j) = (i / M, i % M);
                _bias.Gradient[j] += dy[i];
                for (int k = 0; k < K; k++)
                {
                    _weight.Gradient[j * K + k] += dy[i] * _x[n * K + k];
                    dx[n * K + k] += dy[i] * _weight.Value[j * K + k];
                }
            }

            return dx;
        }
    }
}
