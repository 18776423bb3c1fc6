using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>A window of channels around each one, which is what local response normalization sums over.</summary>
/// <param name="Below">How many channels below its own.</param>
/// <param name="Above">How many above.</param>
internal readonly record struct ChannelWindow(int Below, int Above)
{
    /// <summary>The windows that contain a channel belong to the channels in its mirrored window.</summary>
    public ChannelWindow Mirrored => new(Above, Below);

    /// <summary>n.</summary>
    public int Size => Below + 1 + Above;

    /// <summary>The first channel of the window of <paramref name="c"/>, cut at 0.</summary>
    public int First(int c) => Math.Max(c - Below, 0);

    /// <summary>The channel after its last, cut at the number of channels.</summary>
    public int End(int c, int channels) => (int)Math.Min((long)c + Above + 1, channels);
}

/// <summary>Division by a power of a sum of squares over neighbouring channels: lanes are positions of (N, C, L). Units are eight positions of one sample.</summary>
/// <remarks>
/// y = x·s^−β with s = k + α/n·Σx² over the window, at least 10⁻³⁰⁰; dx = dy·s^−β − 2αβ/n·x·Σe, e = dy·y/s, over the mirrored window. All in double, each result rounded once. Every window
/// is summed by itself: a running sum that adds the next and subtracts the last would keep what a large channel has cancelled.
/// </remarks>
internal readonly ref struct ChannelWindows : IKernel
{
    private const int Lanes = 8;

    // Where s^-β is 0 or infinite as a float, whatever it is multiplied with, and e^x is 0 or finite as a double.
    private const double Least = -1400;
    private const double Most = 709;

    private const double LeastSum = 1e-300;

    // Powers and e of eight positions, for each thread.
    [ThreadStatic]
    private static AlignedBuffer s_scratch;

    public required ReadOnlySpan<float> X { get; init; }

    /// <summary>The gradient with respect to y; empty in the forward pass.</summary>
    public ReadOnlySpan<float> Dy { get; init; }

    /// <summary>Overwritten with y, or with dx; may be x, or dy.</summary>
    public required Span<float> Result { get; init; }

    public required Planes Planes { get; init; }

    public required ChannelWindow Window { get; init; }

    public required double Alpha { get; init; }

    public required double Beta { get; init; }

    public required double K { get; init; }

    /// <summary>Runs it on all positions.</summary>
    public static void Run(ChannelWindows pass) => Kernels.Run(ref pass, pass.Planes.Samples * UnitsOf(pass.Planes), pass.Planes.Elements);

    [MethodImpl(Kernels.Loops)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        Span<double> scratch = s_scratch.AtLeast(2 * Lanes * Planes.Channels);
        int units = UnitsOf(Planes);
        for (int unit = first; unit < first + count; unit++)
        {
            nint start = (nint)(unit / units) * Planes.Channels * Planes.Length;
            int position = unit % units * Lanes;
            if (position + Lanes <= Planes.Length)
            {
                Apply<D>(start + position, scratch, Lanes);
                continue;
            }

            for (; position < Planes.Length; position++)
            {
                Apply<SingleDouble>(start + position, scratch, 1);
            }
        }
    }

    private static int UnitsOf(Planes planes) => (planes.Length + Lanes - 1) / Lanes;

    // The channels of some positions: first the powers and e of all, then the results.
    [MethodImpl(Kernels.Loops)]
    private void Apply<D>(nint start, Span<double> scratch, int lanes)
        where D : struct, IDoubleLanes<D>
    {
        int C = Planes.Channels;
        ref double powers = ref scratch[0];
        ref double e = ref scratch[lanes * C];
        for (int c = 0; c < C; c++)
        {
            D power = PowerOf<D>(start, c, out D s);
            D.Store(power, ref powers, lanes * c);
            if (!Dy.IsEmpty)
            {
                // e[c] = dy[c] * y[c] / s[c]
                D.Store(At<D>(Dy, start, c) * (At<D>(X, start, c) * power) / s, ref e, lanes * c);
            }
        }

        for (int c = 0; c < C; c++)
        {
            D x = At<D>(X, start, c);
            D result = x * D.Load(in powers, lanes * c);
            if (!Dy.IsEmpty)
            {
                D sum = D.Create(0);
                for (int j = Window.Mirrored.First(c); j < Window.Mirrored.End(c, C); j++)
                {
                    sum += D.Load(in e, lanes * j);
                }

                // dx[c] = dy[c] * s[c]^-beta - 2 * alpha * beta / n * x[c] * sum
                result = At<D>(Dy, start, c) * D.Load(in powers, lanes * c) - D.Create(2 * Alpha * Beta / Window.Size) * x * sum;
            }

            D.Narrow(result, ref MemoryMarshal.GetReference(Result), start + (nint)c * Planes.Length);
        }
    }

    // s = max(k + alpha / n * sum of squares, 1e-300); s^-beta = exp(-beta * ln s)
    [MethodImpl(Kernels.Loops)]
    private D PowerOf<D>(nint start, int c, out D s)
        where D : struct, IDoubleLanes<D>
    {
        D squares = D.Create(0);
        for (int j = Window.First(c); j < Window.End(c, Planes.Channels); j++)
        {
            D x = At<D>(X, start, j);
            D.FusedMultiplyAdd(ref squares, x, x);
        }

        s = D.Max(D.Create(K) + D.Create(Alpha / Window.Size) * squares, D.Create(LeastSum));

        // The second term is nothing beside the logarithm of a number, and keeps infinity and NaN, whose logarithm means nothing.
        D exponent = D.Create(-Beta) * (Elementary.LogCore(s, D.Create(0)) + s * D.Create(1e-300));
        D minus = D.Max(D.Create(0) - D.Max(exponent, D.Create(Least)), D.Create(-Most));
        return Elementary.ExpCore(D.Create(0) - minus);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private D At<D>(ReadOnlySpan<float> tensor, nint start, int c)
        where D : struct, IDoubleLanes<D>
        => D.Widen(in MemoryMarshal.GetReference(tensor), start + (nint)c * Planes.Length);
}
