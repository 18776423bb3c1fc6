using System.Diagnostics.CodeAnalysis;

namespace NormLayers.Network;

/// <summary>Layers one after the other, as one layer.</summary>
/// <remarks>
/// It owns the buffers between its layers and makes them grow as needed; the last layer writes to the caller's. After the first pass at the largest batch, a thread
/// allocates nothing any more. One thread at a time may use it, in evaluation too; several each take a <see cref="Share"/>. Parameters are named <c>layer.parameter</c>: <c>linear1.weight</c>.
/// </remarks>
public sealed class Sequential : Layer
{
    private readonly NamedParameter[] _named;
    private readonly Parameter[] _parameters;
    private Layer[] _layers;
    private Buffers _activations;
    private Buffers _gradients;
    private Shape[] _shapes;
    private bool _training = true;

    /// <summary>Puts layers into a network named <c>network</c>.</summary>
    /// <param name="layers">The layers, first to last; at least one, with different names without a dot. Each can be there only once, in networks within this one too: a layer keeps what belongs to one pass.</param>
    /// <exception cref="ArgumentException">No layer, one that is there twice, two of the same name, or a name with a dot.</exception>
    public Sequential(params IEnumerable<Layer> layers)
        : this("network", layers)
    {
    }

    /// <summary>Puts layers into a network with a name of its own: of several networks within another one, each needs one.</summary>
    /// <param name="name">The network's name.</param>
    /// <param name="layers">The layers, first to last; at least one, with different names without a dot. Each can be there only once, in networks within this one too: a layer keeps what belongs to one pass.</param>
    /// <exception cref="ArgumentException">No layer, one that is there twice, two of the same name, or a name with a dot.</exception>
    public Sequential(string name, params IEnumerable<Layer> layers)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(layers);
        _layers = [.. layers];
        if (_layers.Length == 0)
        {
            Throw.Argument(nameof(layers), "at least one layer", "none");
        }

        if (Array.IndexOf(_layers, null) is var missing and >= 0)
        {
            Throw.Argument(nameof(layers), "layers", $"null at position {missing}");
        }

        HashSet<string> names = [];
        foreach (Layer layer in _layers)
        {
            // A dot is what separates layer and parameter in a name.
            if (layer.Name.Contains('.', StringComparison.Ordinal))
            {
                Throw.Argument(nameof(layers), "layers whose names have no dot", $"'{layer.Name}'");
            }

            if (!names.Add(layer.Name))
            {
                Throw.Argument(nameof(layers), "layers with different names", $"'{layer.Name}' twice");
            }
        }

        HashSet<Layer> seen = [];
        if (_layers.SelectMany(Inner).FirstOrDefault(l => !seen.Add(l)) is { } twice)
        {
            Throw.Argument(nameof(layers), "each layer once, in networks within this one too", $"'{twice.Name}' twice");
        }

        _named = [.. _layers.SelectMany(l => Named(l).Select(p => p with { Name = $"{l.Name}.{p.Name}" }))];
        _parameters = [.. _named.Select(n => n.Parameter)];
        AllocateBuffers();
    }

    /// <summary>The layers, first to last.</summary>
    public IReadOnlyList<Layer> Layers => _layers;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>The parameters with their full names, as in <c>linear1.weight</c> and of a network within this one <c>network.linear1.weight</c>, in the order of <see cref="Parameters"/>.</summary>
    /// <remarks>These alone lose the running statistics of batch normalization: to save or copy a network take <see cref="NamedState"/>.</remarks>
    public IReadOnlyList<NamedParameter> NamedParameters => _named;

    /// <summary>All that evaluation and further training depend on, by name: parameters, running statistics and counters.</summary>
    public override IReadOnlyList<NamedState> NamedState => [.. _layers.SelectMany(l => l.NamedState.Select(s => s.Within(l.Name)))];

    /// <summary>The layers' conventions, with the layer's name before each: <c>norm1.epsilon</c>.</summary>
    public override IReadOnlyDictionary<string, string> Conventions =>
        _layers.SelectMany(l => l.Conventions.Select(c => ($"{l.Name}.{c.Key}", c.Value))).ToDictionary();

    /// <inheritdoc/>
    public override bool Training
    {
        get => _training;
        set
        {
            _training = value;
            foreach (Layer layer in _layers)
            {
                layer.Training = value;
            }
        }
    }

    /// <summary>The output of one layer in the last forward pass.</summary>
    /// <param name="layer">0 to the number of layers − 2: the last layer's is what the caller got.</param>
    /// <returns>The values, valid until the next forward pass.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer, or it is the last.</exception>
    /// <exception cref="InvalidOperationException">No forward pass came before, or the last one failed before this layer.</exception>
    public ReadOnlySpan<float> Activations(int layer) => Between(_activations, layer, nameof(Forward));

    /// <summary>The gradient of the loss with respect to the output of one layer, in the last backward pass.</summary>
    /// <param name="layer">0 to the number of layers − 2: the last layer's is what the caller gave.</param>
    /// <returns>The values, valid until the next backward pass.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer, or it is the last.</exception>
    /// <exception cref="InvalidOperationException">No backward pass came before, or the last one failed before this layer.</exception>
    public ReadOnlySpan<float> ActivationGradients(int layer) => Between(_gradients, layer, nameof(Backward));

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape)
    {
        foreach (Layer layer in _layers)
        {
            shape = layer.OutputShape(shape);
        }

        return shape;
    }

    /// <inheritdoc/>
    public override Sequential Share() => (Sequential)base.Share();

    /// <inheritdoc/>
    public override Sequential ForInference() => (Sequential)base.ForInference();

    /// <inheritdoc/>
    public override ReferenceLayer? CreateReference()
    {
        ReferenceLayer?[] references = Array.ConvertAll(_layers, l => l.CreateReference());
        return references.Contains(null) ? null : new Reference(_layers, references!);
    }

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
        _layers = Array.ConvertAll(_layers, l => l.Share());
        AllocateBuffers();
    }

    /// <inheritdoc/>
    protected override void PackWeights() => _layers = Array.ConvertAll(_layers, l => l.ForInference());

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        FollowShape(shape);
        _activations.Forget();
        ReadOnlySpan<float> input = x;
        for (int i = 0; i < _activations.Count; i++)
        {
            Span<float> output = _activations.Take(i, _shapes[i + 1].Length);
            _layers[i].Forward(input, _shapes[i], output);
            _activations.Keep(i, output.Length);
            input = output;
        }

        _layers[^1].Forward(input, _shapes[^2], y);
    }

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) =>
        BackwardCore(x, default, dy, shape, dx);

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        _gradients.Forget();
        for (int i = _gradients.Count - 1; i >= 0; i--)
        {
            ReadOnlySpan<float> input = Activations(i);
            Span<float> downstream = _gradients.Take(i, input.Length);
            _layers[i + 1].Backward(input, y, dy, downstream);
            _gradients.Keep(i, input.Length);
            y = input;
            dy = downstream;
        }

        _layers[0].Backward(x, y, dy, dx);
    }

    [MemberNotNull(nameof(_activations), nameof(_gradients), nameof(_shapes))]
    private void AllocateBuffers() =>
        (_activations, _gradients, _shapes) = (new(_layers.Length - 1), new(_layers.Length - 1), new Shape[_layers.Length + 1]);

    private static IEnumerable<NamedParameter> Named(Layer layer) =>
        layer is Sequential network ? network.NamedParameters : layer.Parameters.Select(p => new NamedParameter(p.Name, p));

    // The shapes between the layers, kept until another one comes.
    private void FollowShape(Shape shape)
    {
        if (_shapes[0] == shape)
        {
            return;
        }

        _shapes[0] = default;
        for (int i = 0; i < _layers.Length; i++)
        {
            _shapes[i + 1] = _layers[i].OutputShape(i == 0 ? shape : _shapes[i]);
        }

        _shapes[0] = shape;
    }

    private static IEnumerable<Layer> Inner(Layer layer) => layer switch
    {
        Sequential network => network._layers.SelectMany(Inner).Prepend(network),
        NormalizedLinear normalized => [normalized, normalized.Linear],
        _ => [layer],
    };

    private ReadOnlySpan<float> Between(Buffers buffers, int layer, string pass)
    {
        if ((uint)layer >= (uint)buffers.Count)
        {
            Throw.OutOfRange(nameof(layer), buffers.Count == 0 ? "a network of more than one layer, as only between two is anything kept" : $"a layer from 0 to {buffers.Count - 1}, the last but one", layer);
        }

        if (!buffers.Has(layer))
        {
            Throw.Operation($"{Name}: no {pass} has computed the values of layer {layer}.");
        }

        return buffers.Last(layer);
    }

    /// <summary>A buffer that grows for each place between two layers, and how much of it the last pass has written.</summary>
    private sealed class Buffers
    {
        private readonly float[][] _values;
        private readonly int[] _lengths;

        public Buffers(int count)
        {
            (_values, _lengths) = (new float[count][], new int[count]);
            Array.Fill(_values, []);
            Forget();
        }

        public int Count => _values.Length;

        public void Forget() => Array.Fill(_lengths, -1);

        public bool Has(int i) => _lengths[i] >= 0;

        public Span<float> Take(int i, int length)
        {
            if (_values[i].Length < length)
            {
                _values[i] = new float[length];
            }

            return _values[i].AsSpan(0, length);
        }

        public void Keep(int i, int length) => _lengths[i] = length;

        public ReadOnlySpan<float> Last(int i) => _values[i].AsSpan(0, _lengths[i]);
    }

    private sealed class Reference : ReferenceLayer
    {
        private readonly Layer[] _layers;
        private readonly ReferenceLayer[] _references;

        public Reference(Layer[] layers, ReferenceLayer[] references)
        {
            _layers = layers;
            _references = references;
            Parameters = [.. layers.Zip(references).SelectMany(p => p.Second.Parameters.Select(q => q with { Name = $"{p.First.Name}.{q.Name}" }))];
        }

        public override IReadOnlyList<ReferenceParameter> Parameters { get; }

        public override double[] Forward(double[] x, Shape shape)
        {
            for (int i = 0; i < _references.Length; i++)
            {
                x = _references[i].Forward(x, shape);
                shape = _layers[i].OutputShape(shape);
            }

            return x;
        }

        public override double[] Backward(double[] dy)
        {
            for (int i = _references.Length - 1; i >= 0; i--)
            {
                dy = _references[i].Backward(dy);
            }

            return dy;
        }
    }
}

/// <summary>A parameter with its full name in a network.</summary>
/// <param name="Name">Layer and parameter, as in <c>linear1.weight</c>.</param>
/// <param name="Parameter">The parameter.</param>
public sealed record NamedParameter(string Name, Parameter Parameter);
