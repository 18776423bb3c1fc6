using System.Numerics.Tensors;
using NormLayers.Network;
using NormLayers.Normalization;
using NormLayers.Numerics;

namespace NormLayers;

/// <summary>A linear layer whose weights are a function of the parameters that are learned: each row normalized by itself.</summary>
/// <remarks>
/// A forward pass writes the weights in use into the linear layer, which then does its work; a backward pass takes their gradient on to the
/// learned ones. The optimizer sees only what is learned: <see cref="Layer.Parameters"/>. The same in training and evaluation.
/// In a <see cref="Layer.Share"/> the weights in use are a buffer of its own;
/// a layer <see cref="Layer.ForInference"/> normalizes them once.
/// </remarks>
public abstract class NormalizedLinear : Layer
{
    private AlignedBuffer _workspace;
    private AlignedBuffer _dRaw;
    private bool _isPacked;

    private protected NormalizedLinear(Linear linear, string rawName)
        : base((linear ?? throw new ArgumentNullException(nameof(linear))).Name)
    {
        Linear = linear;
        Raw = new Parameter(rawName, linear.Weight.Shape);
        linear.Weight.Value.CopyTo(Raw.Value, 0);
        (Raw.Frozen, linear.Weight.Frozen) = (linear.Weight.Frozen, false);
        Statistics.Resize(linear.Outputs);
    }

    /// <summary>The linear layer. Its weights are those in use, <b>overwritten</b> by each forward pass, and their gradient by each backward pass.</summary>
    public Linear Linear { get; private set; }

    /// <summary>The learned weights before normalization, (outputs, inputs); they start as the linear layer's.</summary>
    private protected Parameter Raw { get; }

    /// <summary>The statistics of each row of the raw weights, for the weights in use.</summary>
    private protected NormStatistics Statistics { get; private set; } = new();

    /// <summary>The weights in use, (outputs, inputs), <b>overwritten</b> here as in a forward pass.</summary>
    internal float[] WeightsInUse()
    {
        NormalizeWeights();
        return Linear.Weight.Value;
    }

    /// <inheritdoc/>
    protected override bool MayBeInPlace => false;

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape) => Linear.OutputShape(shape);

    /// <summary>Overwrites the weights in use.</summary>
    private protected abstract void NormalizeWeights();

    /// <summary>Takes the gradient of the weights in use on: overwrites the raw ones', (outputs, inputs), where it is not empty; adds to others.</summary>
    private protected abstract void DifferentiateWeights(Span<float> dRaw, Span<double> workspace);

    /// <summary>The normalization of the raw weights in double.</summary>
    private protected abstract NormReference CreateNormReference();

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        // The weights in use are written in each pass, unless they are packed.
        if (_isPacked)
        {
            Linear = (Linear)Linear.Share();
            return;
        }

        Linear = new Linear(new float[Linear.Weight.Value.Length], Linear.Inputs, Linear.Bias?.Value, Linear.Name);
        (Statistics, _workspace, _dRaw) = (new(), default, default);
        Statistics.Resize(Linear.Outputs);
    }

    /// <inheritdoc/>
    protected override void PackWeights()
    {
        NormalizeWeights();
        (Linear, _isPacked) = ((Linear)Linear.ForInference(), true);
    }

    /// <inheritdoc/>
    protected sealed override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        if (!_isPacked)
        {
            NormalizeWeights();
        }

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
    public override ReferenceLayer CreateReference()
    {
        (NormReference norm, ReferenceLayer linear) = (CreateNormReference(), Linear.CreateReference());
        (ReferenceParameter raw, ReferenceParameter used) = (ReferenceParameter.From(Raw), linear.Parameters[0]);
        return new FunctionReference(
            [.. norm.Parameters.Select(p => p with { Name = Parameters[0].Name }), raw, .. linear.Parameters.Skip(1)],
            (x, shape) =>
            {
                norm.Forward(raw.Value, Raw.Shape).CopyTo(used.Value, 0);
                return linear.Forward(x, shape);
            },
            (_, dy) =>
            {
                Array.Clear(used.Gradient);
                double[] dx = linear.Backward(dy);
                TensorPrimitives.Add(raw.Gradient, norm.Backward(used.Gradient), raw.Gradient);
                return dx;
            });
    }
}
