using NormLayers.Normalization;

namespace NormLayers;

/// <content>Local response normalization.</content>
public static partial class Functional
{
    /// <summary>Local response normalization across channels: y = x·(k + α/n·Σx²)^−β, the sum over the n channels around.</summary>
    /// <param name="x">The input, row-major, of shape <paramref name="shape"/>.</param>
    /// <param name="shape">(N, C, …).</param>
    /// <inheritdoc cref="NormLayers.LocalResponseNorm(int, double, double, double, bool, string)" path="/param[@name!='name']"/>
    /// <param name="y">Overwritten, as long as x; may be x, but must not overlap it otherwise.</param>
    /// <exception cref="ArgumentException">A shape without channels, a length that does not fit, or spans that overlap.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    public static void LocalResponseNorm(ReadOnlySpan<float> x, Shape shape, int size, double alpha, double beta, double k, Span<float> y, bool evenReachesUp = false)
    {
        Response response = Response.Of(size, alpha, beta, k, evenReachesUp);
        CheckChannels(x, shape, Ones, epsilon: 0);
        CheckOutput(x, y);
        ChannelWindows.Run(x, default, shape, response, y);
    }

    /// <summary>The backward pass of local response normalization: <b>overwrites</b> <paramref name="dx"/>.</summary>
    /// <param name="x">The input of the forward pass, of shape <paramref name="shape"/>.</param>
    /// <param name="dy">The gradient with respect to y, as long as x.</param>
    /// <param name="dx">Overwritten, as long as x; may be dy, but must not overlap it otherwise, nor x.</param>
    /// <inheritdoc cref="LocalResponseNorm" path="/*[@name!='x' and @name!='y' or self::exception]"/>
    public static void LocalResponseNormBackward(
        ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, int size, double alpha, double beta, double k, Span<float> dx, bool evenReachesUp = false)
    {
        Response response = Response.Of(size, alpha, beta, k, evenReachesUp);
        CheckChannels(x, shape, Ones, epsilon: 0);
        Throw.IfLengthDiffers(dy.Length, x.Length, nameof(dy));
        CheckOutput(dy, dx, nameof(dx));
        new Output<float>(dx, nameof(dx)).IsApartFrom(x, nameof(x));
        ChannelWindows.Run(x, dy, shape, response, dx);
    }
}
