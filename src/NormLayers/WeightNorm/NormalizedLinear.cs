using System.Numerics.Tensors;
using NormLayers.Network;
using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>A linear layer whose weights are a function of the parameters that are learned: each row normalized by itself.</summary>
/// <remarks>
/// A forward pass writes the weights in use into the linear layer, which then does its work; a backward pass takes their gradient on to the
/// learned ones. The optimizer sees only what is learned: <see cref="Layer.Parameters"/>. The same in training and evaluation.
/// In a <see cref="Layer.Share"/> the weights in use are a buffer of its own.
/// </remarks>
public abstract class NormalizedLinear : Layer
{
    private AlignedBuffer _workspace;
    private AlignedBuffer _dRaw;

    private protected NormalizedLinear(Linear linear, string rawName)
        : base((linear ?? throw new ArgumentNullException(nameof(linear))).Name)
    {
        Linear = linear;
        Raw = new Parameter(rawName, linear.Weight.Shape);
        linear.Weight.Value.CopyTo(Raw.Value, 0);
        (Raw.Frozen, linear.Weight.Frozen) = (linear.Weight.Frozen, false);
    }

    /// <summary>The linear layer. Its weights are those in use, <b>overwritten</b> by each forward pass, and their gradient by each backward pass.</summary>
    public Linear Linear { get; private set; }

    /// <summary>The learned weights before normalization, (outputs, inputs); they start as the linear layer's.</summary>
    private protected Parameter Raw { get; }

    /// <summary>1 over the length or the deviation of each row.</summary>
    private protected double[] Rstd { get; set; } = [];

    /// <summary>The weights in use, (outputs, inputs), <b>overwritten</b> here as in a forward pass.</summary>
    internal float[] WeightsInUse()
    {
        NormalizeWeights();
        return Linear.Weight.Value;
    }

    /// <inheritdoc/>
    protected override bool MayBeInPlace => false;

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input) => Linear.OutputShape(input);

    /// <summary>Overwrites the weights in use.</summary>
    private protected abstract void NormalizeWeights();

    /// <summary>Takes the gradient of the weights in use on: overwrites the raw ones', (outputs, inputs), where it is not empty; adds to others.</summary>
    private protected abstract void DifferentiateWeights(Span<float> dRaw, Span<double> workspace);

    /// <summary>The normalization of the raw weights in double.</summary>
    private protected abstract NormReference CreateNormReference();

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        // The weights in use are written in each pass.
        Linear = new Linear(new float[Linear.Weight.Value.Length], Linear.Inputs, Linear.Bias?.Value, Linear.Name);
        (Rstd, _workspace, _dRaw) = (new double[Rstd.Length], default, default);
    }

    /// <inheritdoc/>
    protected sealed override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        NormalizeWeights();
        Linear.Forward(x, shape, y);
    }

    /// <inheritdoc/>
    protected sealed override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        Linear.Weight.ZeroGradient();
        Linear.Backward(x, dy, dx);
        Span<float> dRaw = Raw.Frozen ? default : _dRaw.FloatsAtLeast(Raw.Value.Length);
        DifferentiateWeights(dRaw, _workspace.AtLeast(RowNorm.WorkspaceLength(Linear.Outputs, Linear.Inputs, rowGamma: true)));
        TensorPrimitives.Add(Parameter.GradientOf(Raw), dRaw, Parameter.GradientOf(Raw));
    }

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new Reference(this);

    private sealed class Reference : ReferenceLayer
    {
        private readonly NormReference _norm;
        private readonly ReferenceLayer _linear;
        private readonly ReferenceParameter _raw;
        private readonly ReferenceParameter _used;
        private readonly Shape _shape;

        public Reference(NormalizedLinear layer)
        {
            _norm = layer.CreateNormReference();
            _linear = layer.Linear.CreateReference();
            _raw = ReferenceParameter.From(layer.Raw);
            _used = _linear.Parameters[0];
            _shape = layer.Raw.Shape;
            Parameters = [.. _norm.Parameters.Select(p => p with { Name = layer.Parameters[0].Name }), _raw, .. _linear.Parameters.Skip(1)];
        }

        public override IReadOnlyList<ReferenceParameter> Parameters { get; }

        public override double[] Forward(double[] x, Shape shape)
        {
            _norm.Forward(_raw.Value, _shape).CopyTo(_used.Value, 0);
            return _linear.Forward(x, shape);
        }

        public override double[] Backward(double[] dy)
        {
            Array.Clear(_used.Gradient);
            double[] dx = _linear.Backward(dy);
            double[] dRaw = _norm.Backward(_used.Gradient);
            for (int i = 0; i < dRaw.Length; i++)
            {
                _raw.Gradient[i] += dRaw[i];
            }

            return dx;
        }
    }
}
