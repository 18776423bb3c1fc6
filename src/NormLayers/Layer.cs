using System.Runtime.CompilerServices;

namespace NormLayers;

/// <summary>A differentiable function with parameters: what every layer and network of this library is.</summary>
/// <remarks>
/// The caller owns all tensors. A forward pass reads x and overwrites y; a backward pass is given the same x again,
/// <b>overwrites</b> dx and <b>adds to</b> the parameters' gradients. A layer keeps only what is small (per row or per
/// channel) and belongs to its last forward pass. So two threads cannot use it at once, in evaluation neither: while one thread is in
/// a pass, another gets an <see cref="InvalidOperationException"/>. For inference on several threads give each a <see cref="Share"/>
/// of the network, best of the one that <see cref="ForInference"/> gives, or call <see cref="Functional"/>, which keeps no state.
/// </remarks>
public abstract class Layer
{
    private Shape _lastShape;
    private Shape _lastOutput;
    private bool _hasForward;
    private bool _isShare;
    private int _inUse;

    /// <summary>Creates a layer.</summary>
    /// <param name="name">Its name in reports and in parameter names, unique within a network: <c>norm1</c>.</param>
    protected Layer(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        Name = name;
    }

    /// <summary>The layer's name in reports and in parameter names.</summary>
    public string Name { get; }

    /// <summary>Whether the layer is in training mode (the default) or in evaluation mode.</summary>
    public virtual bool Training { get; set; } = true;

    /// <summary>The learnable parameters; empty for a layer without any.</summary>
    public virtual IReadOnlyList<Parameter> Parameters => [];

    /// <summary>
    /// All that evaluation and further training depend on, by name: the parameters and, where a layer has them, running statistics and counters.
    /// A layer of your own that keeps more than parameters from one batch to the next overrides it.
    /// </summary>
    public virtual IReadOnlyList<NamedState> NamedState => [.. Parameters.Select(NormLayers.NamedState.From)];

    /// <summary>
    /// What the values of <see cref="NamedState"/> mean, as text by name: <c>epsilon</c>, <c>momentum</c> (the weight of the new batch, or <c>cumulative</c>),
    /// <c>scale</c> (<c>gamma</c> or <c>1 + gamma</c>), <c>running_variance</c> (<c>biased</c> or <c>unbiased</c>), <c>relu</c> (<c>yes</c> or <c>no</c>), and numbers such as <c>groups</c>. It is saved with them, and a file that says otherwise is not loaded.
    /// </summary>
    public virtual IReadOnlyDictionary<string, string> Conventions => LayerConventions.None;

    /// <summary>The shape of the output for an input shape. It depends on nothing else: passes ask again only when the input's shape has changed.</summary>
    /// <param name="shape">The input's shape.</param>
    /// <exception cref="ArgumentException">The layer does not take this shape.</exception>
    public abstract Shape OutputShape(Shape shape);

    /// <summary>The forward pass: overwrites <paramref name="y"/> with the layer's output for <paramref name="x"/>.</summary>
    /// <param name="x">The input, row-major, of shape <paramref name="shape"/>.</param>
    /// <param name="shape">The input's shape.</param>
    /// <param name="y">Overwritten with the output, of shape <see cref="OutputShape"/>. See each layer for whether it may be x. It must not overlap the parameters' memory; that is not checked.</param>
    /// <exception cref="ArgumentException">A shape the layer does not take, a buffer of another length, or y in a part of x's memory, or in all of it where the layer does not work in place.</exception>
    /// <exception cref="InvalidOperationException">Another thread is in a pass of this layer, or it is a <see cref="Share"/> in training mode.</exception>
    public void Forward(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        Enter();
        try
        {
            if (_isShare && Training)
            {
                RefuseInShare("a forward pass in training mode");
            }

            Shape output = _lastShape.Rank > 0 && _lastShape == shape ? _lastOutput : OutputShape(shape);
            Throw.IfLengthDiffers(x.Length, shape, nameof(x));
            Throw.IfLengthDiffers(y.Length, output, nameof(y));
            CheckOverlap(x, y, nameof(y));
            _hasForward = false;
            Prepare(shape);
            ForwardCore(x, shape, y);
            (_lastShape, _lastOutput, _hasForward) = (shape, output, true);
        }
        finally
        {
            Volatile.Write(ref _inUse, 0);
        }
    }

    /// <summary>
    /// The backward pass of the last forward pass: <b>overwrites</b> <paramref name="dx"/> and <b>adds to</b> the gradients of
    /// the parameters that are not frozen.
    /// </summary>
    /// <param name="x">The input of the last forward pass, unchanged.</param>
    /// <param name="dy">The gradient of the loss with respect to the output, of the output's shape.</param>
    /// <param name="dx">
    /// Overwritten with the gradient with respect to x, of x's shape; may be dy where the layer works in place, but not x; empty if it is not wanted. It must not overlap the parameters' memory; that is not checked.
    /// </param>
    /// <exception cref="InvalidOperationException">No forward pass came before, another thread is in a pass of this layer, or it is a <see cref="Share"/>.</exception>
    /// <exception cref="ArgumentException">A buffer of another length than in the forward pass, or dx in memory where it may not be.</exception>
    public void Backward(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> dx) => Backward(x, default, dy, dx);

    /// <summary>
    /// The same for a caller that has kept the output: a normalization with a ReLU reads there where it was open, and need not compute it again.
    /// </summary>
    /// <param name="x">The input of the last forward pass, unchanged.</param>
    /// <param name="y">The output of the last forward pass, unchanged; empty if it was not kept.</param>
    /// <param name="dy">The gradient of the loss with respect to the output, of the output's shape.</param>
    /// <param name="dx">
    /// Overwritten with the gradient with respect to x, of x's shape; may be dy where the layer works in place, but neither x nor y; empty if it is not wanted.
    /// </param>
    /// <exception cref="InvalidOperationException">No forward pass came before, another thread is in a pass of this layer, or it is a <see cref="Share"/>.</exception>
    /// <exception cref="ArgumentException">A buffer of another length than in the forward pass, or dx in memory where it may not be.</exception>
    public void Backward(ReadOnlySpan<float> x, ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Span<float> dx)
    {
        Enter();
        try
        {
            if (_isShare)
            {
                RefuseInShare("a backward pass");
            }

            BackwardCore(x, y, dy, CheckBackward(x, y, dy, dx), dx);
        }
        finally
        {
            Volatile.Write(ref _inUse, 0);
        }
    }

    /// <summary>The same layer for another thread, for inference: it refers to this one's parameters and running statistics, and has buffers of its own.</summary>
    /// <remarks>
    /// <para>A share is in evaluation mode, with the settings of this moment, and gives the same bits as this layer does there. It refuses
    /// forward passes in training mode, and backward passes. A mask or a condition is an input of its own: it starts without.</para>
    /// <para>Several threads may call this at once, also while this layer is in a pass. Nothing is locked. What writes parameters or running statistics (an optimizer,
    /// training, loading) writes them for every share: its next pass uses the new values, and a pass meanwhile may mix old and new ones. For values that stay, copy <see cref="NamedState"/> to a second network.</para>
    /// </remarks>
    /// <exception cref="NotSupportedException">A layer of your own that does not override <see cref="ReplaceBuffers"/>; the message names it.</exception>
    public virtual Layer Share()
    {
        Layer share = (Layer)MemberwiseClone();

        // The copy may fall into a pass of this layer, so whatever a pass writes may be half written.
        (share._inUse, share._hasForward, share._isShare) = (0, false, true);
        (share._lastShape, share._lastOutput) = (default, default);
        share.ReplaceBuffers();
        share.Training = false;
        return share;
    }

    /// <summary>A <see cref="Share"/> with the present weights of its linear layers in the order in which products read them: few rows take a fraction of the time, with the same bits.</summary>
    /// <remarks>
    /// These weights are a copy, which takes their memory once more and does not follow later changes; all else is as in a share.
    /// Shares of the result use the same copy: create it once, and a share of it for each thread.
    /// </remarks>
    /// <exception cref="NotSupportedException">A layer of your own that does not override <see cref="ReplaceBuffers"/>; the message names it.</exception>
    public virtual Layer ForInference()
    {
        Layer share = Share();
        share.PackWeights();
        return share;
    }

    /// <summary>
    /// The same function in double precision, written as plain loops, with a copy of the present parameters and statistics:
    /// the oracle of tests and of <see cref="Verification.GradientCheck"/>.
    /// </summary>
    /// <returns>The reference implementation in double, or null for a layer that has none.</returns>
    public virtual ReferenceLayer? CreateReference() => null;

    /// <summary>Sets the gradients of all parameters to zero.</summary>
    public void ZeroGradients()
    {
        // By index: enumerating an interface allocates, and a training step must not.
        IReadOnlyList<Parameter> parameters = Parameters;
        for (int i = 0; i < parameters.Count; i++)
        {
            parameters[i].ZeroGradient();
        }
    }

    /// <summary>Whether y may be x, and dx may be dy; no other overlap is allowed. True unless a layer says otherwise.</summary>
    protected virtual bool MayBeInPlace => true;

    /// <summary>
    /// Called on the copy of all fields that <see cref="Share"/> makes: replaces each array that a forward pass writes by a new one, and each layer within by its share.
    /// Every other field that a pass writes gets its default again: the copy may be made during a pass, and find it half written. Parameters stay.
    /// A layer of your own that can be shared overrides it, with an empty body if its passes write no field.
    /// </summary>
    /// <exception cref="NotSupportedException">The layer does not override it.</exception>
    protected virtual void ReplaceBuffers() =>
        throw new NotSupportedException($"{Name} cannot be shared: {GetType().Name} does not override {nameof(ReplaceBuffers)}.");

    /// <summary>
    /// Called on the share that <see cref="ForInference"/> gives. A layer of your own replaces each layer within by its <see cref="ForInference"/>; the others do nothing.
    /// </summary>
    protected virtual void PackWeights()
    {
    }

    /// <summary>What comes before the forward pass proper.</summary>
    private protected virtual void Prepare(Shape shape)
    {
    }

    /// <summary>The forward pass proper; lengths and shape have been checked.</summary>
    protected abstract void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y);

    /// <summary>The backward pass proper; lengths have been checked against the last forward pass.</summary>
    protected abstract void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx);

    /// <summary>The same for a layer that has a use for its output; y is empty if the caller has not kept it.</summary>
    protected virtual void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) =>
        BackwardCore(x, dy, shape, dx);

    private void Enter()
    {
        if (Interlocked.CompareExchange(ref _inUse, 1, 0) != 0)
        {
            RefuseSecondThread();
        }
    }

    // Messages are composed apart: their locals would be cleared in every pass.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RefuseSecondThread() => Throw.Operation(
        $"{Name}: another thread is in a forward or backward pass of this layer. It keeps the buffers of one pass, also in evaluation: give each thread a share of the network, {nameof(Share)}().");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RefuseInShare(string pass) => Throw.Operation($"{Name}: {pass} needs the layer itself. This is a share of it, for inference only.");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RefuseWithoutForward() => Throw.Operation($"{Name}: Backward needs a Forward before it, and none succeeded.");

    // The shape of the last forward pass.
    private Shape CheckBackward(ReadOnlySpan<float> x, ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Span<float> dx)
    {
        if (!_hasForward)
        {
            RefuseWithoutForward();
        }

        Shape shape = _lastShape;

        Throw.IfLengthDiffers(x.Length, shape, nameof(x));
        Throw.IfLengthDiffers(dy.Length, _lastOutput, nameof(dy));
        if (!y.IsEmpty)
        {
            Throw.IfLengthDiffers(y.Length, _lastOutput, nameof(y));
        }

        if (!dx.IsEmpty)
        {
            Throw.IfLengthDiffers(dx.Length, shape, nameof(dx));
            CheckOverlap(dy, dx, nameof(dx));
            if (dx.Overlaps(x))
            {
                Throw.Argument(nameof(dx), "memory apart from x", "memory that overlaps it");
            }

            if (dx.Overlaps(y))
            {
                Throw.Argument(nameof(dx), "memory apart from the output's", "memory that overlaps it");
            }
        }

        return shape;
    }

    private void CheckOverlap(ReadOnlySpan<float> input, Span<float> output, string name)
    {
        if (input.Overlaps(output, out int offset) && (offset != 0 || !MayBeInPlace))
        {
            Throw.Argument(name, MayBeInPlace ? "the input's memory itself or memory apart from it" : "memory apart from the input's", "memory that overlaps it");
        }
    }
}
