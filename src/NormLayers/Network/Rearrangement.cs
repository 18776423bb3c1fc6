namespace NormLayers.Network;

/// <summary>Copies the elements of each sample to other places: cuts images into patches, swaps two axes, or makes one axis of two.</summary>
/// <remarks>An element may be copied to several places; its gradient is the sum of theirs, in the order of the output. No parameters.</remarks>
public sealed class Rearrangement : Layer
{
    private readonly int[] _source;
    private readonly int[] _input;
    private readonly int[] _output;

    private Rearrangement(string name, int[] input, int[] output, int[] source)
        : base(name) => (_input, _output, _source) = (input, output, source);

    /// <summary>For each element of an output sample, its place in the input sample.</summary>
    internal IReadOnlyList<int> Sources => _source;

    /// <inheritdoc/>
    protected override bool MayBeInPlace => false;

    /// <summary>Cuts images into patches: (N, H·H) becomes (N, L, S·S), patch by patch and row by row.</summary>
    /// <param name="features">H·H, the pixels of an image.</param>
    /// <param name="patches">S, and from where to where.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentException">The images cannot be cut so, or into more than 2³¹−1 numbers.</exception>
    public static Rearrangement Patches(int features, PatchOptions patches, string name = "patches")
    {
        ArgumentNullException.ThrowIfNull(patches);
        ArgumentNullException.ThrowIfNull(name);
        int positions = patches.PositionsOf(features);
        (int size, int side) = (patches.Size, PatchOptions.SideOf(features));
        int across = (side - size) / patches.Stride + 1;
        int[] source = new int[new Shape(positions, size * size).Length];
        for (int i = 0; i < source.Length; i++)
        {
            (int patch, int pixel) = (i / (size * size), i % (size * size));
            int row = patch / across * patches.Stride + pixel / size;
            int column = patch % across * patches.Stride + pixel % size;
            source[i] = row * side + column;
        }

        return new Rearrangement(name, [features], [positions, size * size], source);
    }

    /// <summary>Swaps two axes: (N, A, B) becomes (N, B, A).</summary>
    /// <param name="first">A, ≥ 1.</param>
    /// <param name="second">B, ≥ 1.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException">An axis is below 1.</exception>
    /// <exception cref="ArgumentException">More elements than an array can have.</exception>
    public static Rearrangement SwapAxes(int first, int second, string name = "swap")
    {
        return new Rearrangement(name, [first, second], [second, first], [.. Enumerable.Range(0, Elements(first, second)).Select(i => i % first * second + i / first)]);
    }

    /// <summary>Makes one axis of two: (N, A, B) becomes (N, A·B).</summary>
    /// <param name="first">A, ≥ 1.</param>
    /// <param name="second">B, ≥ 1.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException">An axis is below 1.</exception>
    /// <exception cref="ArgumentException">More elements than an array can have.</exception>
    public static Rearrangement Flatten(int first, int second, string name = "flatten")
    {
        int elements = Elements(first, second);
        return new Rearrangement(name, [first, second], [elements], [.. Enumerable.Range(0, elements)]);
    }

    private static int Elements(int first, int second)
    {
        Throw.IfNotPositive(first, nameof(first));
        Throw.IfNotPositive(second, nameof(second));
        if ((long)first * second > Array.MaxLength)
        {
            Throw.Argument(nameof(second), $"at most {Array.MaxLength} elements", $"{first} times {second}");
        }

        return first * second;
    }

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape)
    {
        if (shape.Rank != _input.Length + 1 || shape[1] != _input[0] || shape.Last != _input[^1])
        {
            Throw.Argument(nameof(shape), $"a shape (N, {string.Join(", ", _input)}) for {Name}", $"{shape}");
        }

        return _output.Length == 1 ? (shape[0], _output[0]) : (shape[0], _output[0], _output[1]);
    }

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new Reference(this);

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
    }

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
    {
        int length = _source.Length;
        int pixels = x.Length / Math.Max(1, shape[0]);
        for (int n = 0; n < shape[0]; n++)
        {
            ReadOnlySpan<float> from = x.Slice(n * pixels, pixels);
            Span<float> to = y.Slice(n * length, length);
            for (int i = 0; i < to.Length; i++)
            {
                to[i] = from[_source[i]];
            }
        }
    }

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx)
    {
        if (dx.IsEmpty)
        {
            return;
        }

        dx.Clear();
        int length = _source.Length;
        int pixels = x.Length / Math.Max(1, shape[0]);
        for (int n = 0; n < shape[0]; n++)
        {
            ReadOnlySpan<float> from = dy.Slice(n * length, length);
            Span<float> to = dx.Slice(n * pixels, pixels);
            for (int i = 0; i < from.Length; i++)
            {
                to[_source[i]] += from[i];
            }
        }
    }

    private sealed class Reference(Rearrangement layer) : ReferenceLayer
    {
        private int _pixels;
        private int _samples;

        public override double[] Forward(double[] x, Shape shape)
        {
            (_samples, _pixels) = (shape[0], x.Length / Math.Max(1, shape[0]));
            return [.. Enumerable.Range(0, _samples).SelectMany(n => layer._source.Select(i => x[n * _pixels + i]))];
        }

        public override double[] Backward(double[] dy)
        {
            double[] dx = new double[_samples * _pixels];
            for (int i = 0; i < dy.Length; i++)
            {
                dx[i / layer._source.Length * _pixels + layer._source[i % layer._source.Length]] += dy[i];
            }

            return dx;
        }
    }
}
