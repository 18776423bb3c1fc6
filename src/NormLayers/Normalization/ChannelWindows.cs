using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>The constants of local response normalization: n channels in a window, α, β, k, and which way an even window reaches one channel further.</summary>
internal readonly record struct Response(int Size, double Alpha, double Beta, double K, bool EvenReachesUp)
{
    /// <summary>How many channels below its own a window reaches.</summary>
    public int Below => EvenReachesUp ? (Size - 1) / 2 : Size / 2;

    /// <summary>How many above.</summary>
    public int Above => Size - 1 - Below;

    /// <summary>The constants, checked. With squares of floats, s = k + α/n·Σx² then stays where <see cref="Elementary.ReciprocalPowerCore"/> is right.</summary>
    public static Response Of(int size, double alpha, double beta, double k, bool evenReachesUp) => new(
        Throw.IfNotPositive(size, nameof(size)), Throw.IfNotUpTo(1e200, alpha, nameof(alpha)), Throw.IfNegativeOrNotFinite(beta, nameof(beta)), Throw.IfNotUpTo(1e280, k, nameof(k)), evenReachesUp);
}

/// <summary>Division by a power of a sum of squares over neighbouring channels: lanes are positions of (N, C, L). Units are 64 positions of one sample.</summary>
/// <remarks>
/// y = x·s^−β with s = k + α/n·Σx² over the window, at least 10⁻³⁰⁰; dx = dy·s^−β − 2αβ/n·x·Σe, e = dy·y/s, over the mirrored window. All in double, each result rounded once. Every window
/// is summed by itself: a running sum that adds the next and subtracts the last would keep what a large channel has cancelled.
/// </remarks>
internal readonly ref struct ChannelWindows : IKernel
{
    private const int Lanes = 8;
    private const int UnitPositions = 64;
    private const double LeastSum = 1e-300;

    // Powers and e of a unit, for each thread.
    [ThreadStatic]
    private static AlignedBuffer s_scratch;

    public required ReadOnlySpan<float> X { get; init; }

    /// <summary>The gradient with respect to y; empty in the forward pass.</summary>
    public ReadOnlySpan<float> Dy { get; init; }

    /// <summary>Overwritten with y, or with dx; may be x, or dy.</summary>
    public required Span<float> Result { get; init; }

    public required Planes Planes { get; init; }

    public required Response Response { get; init; }

    private int UnitsOfSample => (Planes.Length + UnitPositions - 1) / UnitPositions;

    /// <summary>Overwrites the result, where there is one, with y, or where dy is not empty with dx.</summary>
    public static void Run(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Response response, Span<float> result)
    {
        if (!result.IsEmpty)
        {
            ChannelWindows pass = new() { X = x, Dy = dy, Result = result, Planes = Planes.Of(shape), Response = response };
            Kernels.Run(ref pass, pass.Planes.Samples * pass.UnitsOfSample, pass.Planes.Elements);
        }
    }

    [MethodImpl(Kernels.FullyOptimized)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        for (int unit = first; unit < first + count; unit++)
        {
            int position = unit % UnitsOfSample * UnitPositions;
            nint start = (nint)(unit / UnitsOfSample) * Planes.Columns + position;
            int width = Math.Min(UnitPositions, Planes.Length - position);
            int tail = width % Lanes;
            Positions<D>(start, width - tail, Lanes);
            Positions<SingleDouble>(start + width - tail, tail, 1);
        }
    }

    // All channels of some positions. What is computed from x comes before the results, which may overwrite it.
    [MethodImpl(Kernels.FullyOptimized)]
    private void Positions<D>(nint start, int width, int lanes)
        where D : struct, IDoubleLanes<D>
    {
        (int C, int below, int above) = (Planes.Channels, Response.Below, Response.Above);
        Span<double> powers = s_scratch.AtLeast(2L * width * C);
        Span<double> e = powers[(width * C)..];

        // s[c] = max(k + alpha / n * sum of squares, 1e-300) [LRN-F1]; e[c] = dy[c] * y[c] / s[c] [LRN-B1]
        for (int c = 0; c < C; c++)
        {
            int last = (int)Math.Min((long)c + above, C - 1);
            for (int p = 0; p < width; p += lanes)
            {
                D squares = D.Create(0);
                for (int j = Math.Max(c - below, 0); j <= last; j++)
                {
                    D neighbour = At<D>(X, start + p, j);
                    D.FusedMultiplyAdd(ref squares, neighbour, neighbour);
                }

                D s = D.Max(D.Create(Response.K) + D.Create(Response.Alpha / Response.Size) * squares, D.Create(LeastSum));
                D power = Elementary.ReciprocalPowerCore(s, Response.Beta);
                D.Store(power, ref powers[0], width * c + p);
                if (!Dy.IsEmpty)
                {
                    D.Store(At<D>(Dy, start + p, c) * (At<D>(X, start + p, c) * power) / s, ref e[0], width * c + p);
                }
            }
        }

        // y[c] = x[c] * s[c]^-beta [LRN-F2]; dx[c] = dy[c] * s[c]^-beta - 2 * alpha * beta / n * x[c] * sum of e [LRN-B2] [LRN-B3]
        for (int c = 0; c < C; c++)
        {
            int last = (int)Math.Min((long)c + below, C - 1);
            for (int p = 0; p < width; p += lanes)
            {
                D x = At<D>(X, start + p, c);
                D power = D.Load(in powers[0], width * c + p);
                D result = x * power;
                if (!Dy.IsEmpty)
                {
                    D sum = D.Create(0);
                    for (int j = Math.Max(c - above, 0); j <= last; j++)
                    {
                        sum += D.Load(in e[0], width * j + p);
                    }

                    result = At<D>(Dy, start + p, c) * power - D.Create(2 * Response.Alpha * Response.Beta / Response.Size) * x * sum;
                }

                D.Narrow(result, ref MemoryMarshal.GetReference(Result), start + p + (nint)c * Planes.Length);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private D At<D>(ReadOnlySpan<float> tensor, nint start, int c)
        where D : struct, IDoubleLanes<D>
        => D.Widen(in MemoryMarshal.GetReference(tensor), start + (nint)c * Planes.Length);
}
