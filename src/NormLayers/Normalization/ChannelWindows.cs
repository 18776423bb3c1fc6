using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>The constants of local response normalization, checked: n channels in a window, α, β, k, and which way an even window reaches one channel further.</summary>
internal readonly record struct Response(int Size, double Alpha, double Beta, double K, bool EvenReachesUp)
{
    public int Size { get; } = Throw.IfNotPositive(Size, "size");

    public double Alpha { get; } = Throw.IfNegativeOrNotFinite(Alpha, "alpha");

    public double Beta { get; } = Throw.IfNegativeOrNotFinite(Beta, "beta");

    public double K { get; } = Throw.IfNegativeOrNotFinite(K, "k");

    /// <summary>How many channels below its own a window reaches.</summary>
    public int Below => EvenReachesUp ? (Size - 1) / 2 : Size / 2;

    /// <summary>How many above.</summary>
    public int Above => Size - 1 - Below;
}

/// <summary>Division by a power of a sum of squares over neighbouring channels: lanes are positions of (N, C, L). Units are 64 positions of one sample.</summary>
/// <remarks>
/// y = x·s^−β with s = k + α/n·Σx² over the window, at least 10⁻³⁰⁰; dx = dy·s^−β − 2αβ/n·x·Σe, e = dy·y/s, over the mirrored window. All in double, each result rounded once. Every window
/// is summed by itself: a running sum that adds the next and subtracts the last would keep what a large channel has cancelled.
/// </remarks>
internal readonly ref struct ChannelWindows : IKernel
{
    private const int UnitPositions = 64;

    // Where s^-β is 0 or infinite as a float, whatever it is multiplied with, and e^x is 0 or finite as a double.
    private const double Least = -1400;
    private const double Most = 709;

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

    /// <summary>Runs it on all positions.</summary>
    public static void Run(ChannelWindows pass) => Kernels.Run(ref pass, pass.Planes.Samples * pass.UnitsOfSample, pass.Planes.Elements);

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
            Span<double> powers = s_scratch.AtLeast(2 * width * Planes.Channels);
            Span<double> e = powers[(width * Planes.Channels)..];

            // All that is computed from x comes before the results, which may overwrite it.
            for (int c = 0; c < Planes.Channels; c++)
            {
                int done = Reduce<D>(start, c, powers, e, 0, width);
                Reduce<SingleDouble>(start, c, powers, e, done, width);
            }

            for (int c = 0; c < Planes.Channels; c++)
            {
                int done = Apply<D>(start, c, powers, e, 0, width);
                Apply<SingleDouble>(start, c, powers, e, done, width);
            }
        }
    }

    // s[c] = max(k + alpha / n * sum of squares, 1e-300) [LRN-F1]; e[c] = dy[c] * y[c] / s[c] [LRN-B1]. Returns the first position that is left.
    [MethodImpl(Kernels.FullyOptimized)]
    private int Reduce<D>(nint start, int c, Span<double> powers, Span<double> e, int p, int width)
        where D : struct, IDoubleLanes<D>
    {
        int last = (int)Math.Min((long)c + Response.Above, Planes.Channels - 1);
        int lanes = LanesOf<D>();
        for (; p <= width - lanes; p += lanes)
        {
            D squares = D.Create(0);
            for (int j = Math.Max(c - Response.Below, 0); j <= last; j++)
            {
                D neighbour = At<D>(X, start + p, j);
                D.FusedMultiplyAdd(ref squares, neighbour, neighbour);
            }

            D s = D.Max(D.Create(Response.K) + D.Create(Response.Alpha / Response.Size) * squares, D.Create(LeastSum));
            D power = Power(s);
            D.Store(power, ref powers[0], width * c + p);
            if (!Dy.IsEmpty)
            {
                D.Store(At<D>(Dy, start + p, c) * (At<D>(X, start + p, c) * power) / s, ref e[0], width * c + p);
            }
        }

        return p;
    }

    // y[c] = x[c] * s[c]^-beta [LRN-F2]; dx[c] = dy[c] * s[c]^-beta - 2 * alpha * beta / n * x[c] * sum of e [LRN-B2] [LRN-B3]
    [MethodImpl(Kernels.FullyOptimized)]
    private int Apply<D>(nint start, int c, Span<double> powers, Span<double> e, int p, int width)
        where D : struct, IDoubleLanes<D>
    {
        int last = (int)Math.Min((long)c + Response.Below, Planes.Channels - 1);
        int lanes = LanesOf<D>();
        for (; p <= width - lanes; p += lanes)
        {
            D x = At<D>(X, start + p, c);
            D power = D.Load(in powers[0], width * c + p);
            D result = x * power;
            if (!Dy.IsEmpty)
            {
                D sum = D.Create(0);
                for (int j = Math.Max(c - Response.Above, 0); j <= last; j++)
                {
                    sum += D.Load(in e[0], width * j + p);
                }

                result = At<D>(Dy, start + p, c) * power - D.Create(2 * Response.Alpha * Response.Beta / Response.Size) * x * sum;
            }

            D.Narrow(result, ref MemoryMarshal.GetReference(Result), start + p + (nint)c * Planes.Length);
        }

        return p;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int LanesOf<D>() => typeof(D) == typeof(SingleDouble) ? 1 : 8;

    // s^-beta: for the usual exponents from roots, for others exp(-beta * ln s).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private D Power<D>(D s)
        where D : struct, IDoubleLanes<D>
    {
        if (Response.Beta == 0)
        {
            return D.Create(1);
        }

        if (Response.Beta is 0.5 or 0.75)
        {
            D root = D.Sqrt(s);
            return D.Create(1) / (Response.Beta == 0.5 ? root : root * D.Sqrt(root));
        }

        // The second term is nothing beside the logarithm of a number, and keeps infinity and NaN, whose logarithm means nothing.
        D exponent = D.Create(-Response.Beta) * (Elementary.LogCore(s, D.Create(0)) + s * D.Create(1e-300));
        D minus = D.Max(D.Create(0) - D.Max(exponent, D.Create(Least)), D.Create(-Most));
        return Elementary.ExpCore(D.Create(0) - minus);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private D At<D>(ReadOnlySpan<float> tensor, nint start, int c)
        where D : struct, IDoubleLanes<D>
        => D.Widen(in MemoryMarshal.GetReference(tensor), start + (nint)c * Planes.Length);
}
