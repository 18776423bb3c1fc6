using NormLayers.Normalization;

namespace NormLayers;

/// <summary>Local response normalization across channels: each element is divided by a power of the squares of its neighbours in other channels.</summary>
/// <remarks>
/// <para>y = x·(k + α/n·Σx²)^−β, the sum over the n channels around, without those that are not there; α, β and k are constants. The derivation, line by line: README.md beside this file.</para>
/// <para>Takes (N, C, …), any rank ≥ 2. No parameters, the same in training and evaluation. <c>y</c> may be <c>x</c> where no backward pass follows. NaN
/// and infinity reach the channels whose windows hold them, at their position.</para>
/// </remarks>
public sealed class LocalResponseNorm : Layer
{
    private readonly Response _response;

    /// <summary>Creates a layer; the defaults are PyTorch's.</summary>
    /// <param name="size">n, the channels of a window, ≥ 1.</param>
    /// <param name="alpha">α, the scale of the squares, 0 to 10²⁰⁰; it is divided by n. AlexNet and TensorFlow do not divide: multiply theirs by n.</param>
    /// <param name="beta">β, the exponent, ≥ 0.</param>
    /// <param name="k">The offset, 0 to 10²⁸⁰. With 0, a window of zeros gives y = 0, and an infinite dx.</param>
    /// <param name="evenReachesUp">Where an even window has its one channel more: below its own as in PyTorch, or above as in ONNX.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    public LocalResponseNorm(int size, double alpha = 1e-4, double beta = 0.75, double k = 1, bool evenReachesUp = false, string name = "localresponsenorm")
        : base(name) => _response = Response.Of(size, alpha, beta, k, evenReachesUp);

    /// <summary>n, the channels of a window.</summary>
    public int Size => _response.Size;

    /// <summary>α, the scale of the squares, before it is divided by n.</summary>
    public double Alpha => _response.Alpha;

    /// <summary>β, the exponent.</summary>
    public double Beta => _response.Beta;

    /// <summary>The offset.</summary>
    public double K => _response.K;

    /// <summary>Whether an even window has its one channel more above its own, and not below.</summary>
    public bool EvenReachesUp => _response.EvenReachesUp;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Conventions =>
        LayerConventions.Of("local response normalization", epsilon: null, more: [("size", Size), ("alpha", Alpha), ("beta", Beta), ("k", K), ("even_reaches_up", EvenReachesUp ? 1 : 0)]);

    /// <inheritdoc/>
    public override Shape OutputShape(Shape shape) => Throw.IfWithoutChannels(shape, nameof(shape), Name);

    /// <inheritdoc/>
    public override ReferenceLayer CreateReference() => new LocalResponseNormReference(_response.Below, _response.Above, Alpha, Beta, K);

    /// <inheritdoc/>
    protected override void ReplaceBuffers()
    {
    }

    /// <inheritdoc/>
    protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) => ChannelWindows.Run(x, default, shape, _response, y);

    /// <inheritdoc/>
    protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => ChannelWindows.Run(x, dy, shape, _response, dx);
}
