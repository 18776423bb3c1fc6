using NormLayers.Normalization;

namespace NormLayers;

/// <content>Local response normalization.</content>
public static partial class Functional
{
    /// <summary>Local response normalization across channels: y = x·(k + α/n·Σx²)^−β, the sum over the n channels around.</summary>
    /// <param name="x">The input, row-major, of shape <paramref name="shape"/>.</param>
    /// <param name="shape">(N, C, …).</param>
    /// <param name="size">n, the channels of a window, ≥ 1.</param>
    /// <param name="alpha">α, the scale of the squares, ≥ 0; it is divided by n.</param>
    /// <param name="beta">β, the exponent, ≥ 0.</param>
    /// <param name="k">The offset, ≥ 0.</param>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <param name="evenReachesUp">Where an even window has its one channel more: below its own as in PyTorch, or above as in ONNX.</param>
    /// <exception cref="ArgumentException">A shape without channels, a length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    public static void LocalResponseNorm(
        ReadOnlySpan<float> x, Shape shape, int size, double alpha, double beta, double k, Span<float> y, bool evenReachesUp = false)
    {
        Response response = new(size, alpha, beta, k, evenReachesUp);
        CheckChannels(x, shape, Ones, epsilon: 0);
        CheckOutput(x, y);
        ChannelWindows.Run(new() { X = x, Result = y, Planes = PlanesOf(shape, chunkSize: 0), Response = response });
    }

    /// <summary>The backward pass of local response normalization: <b>overwrites</b> <paramref name="dx"/>.</summary>
    /// <param name="x">The input of the forward pass, of shape <paramref name="shape"/>.</param>
    /// <param name="dy">The gradient with respect to y, as long as x.</param>
    /// <param name="dx">Overwritten, as long as x; may be dy, but must not overlap it otherwise, nor x.</param>
    /// <inheritdoc cref="LocalResponseNorm" path="/*[@name='shape' or @name='size' or @name='alpha' or @name='beta' or @name='k' or @name='evenReachesUp' or self::exception]"/>
    public static void LocalResponseNormBackward(
        ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, int size, double alpha, double beta, double k, Span<float> dx, bool evenReachesUp = false)
    {
        Response response = new(size, alpha, beta, k, evenReachesUp);
        CheckChannels(x, shape, Ones, epsilon: 0);
        Throw.IfLengthDiffers(dy.Length, x.Length, nameof(dy));
        CheckOutput(dy, dx, nameof(dx));
        new Output<float>(dx, nameof(dx)).IsApartFrom(x, nameof(x));
        ChannelWindows.Run(new() { X = x, Dy = dy, Result = dx, Planes = PlanesOf(shape, chunkSize: 0), Response = response });
    }
}
