using System.Runtime.CompilerServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Two sums over each plane (n, c) of (N, C, L), folded over n in order: lanes run along the L elements.</summary>
/// <remarks>
/// Units are channels where there are enough of them for all threads, and else planes, so that (N, 1, L) is shared out too. The fold adds
/// the same numbers in the same order in both cases, so that no bit depends on the choice.
/// </remarks>
/// <typeparam name="T">What an element adds.</typeparam>
/// <param name="term">What an element adds.</param>
/// <param name="planes">N, C and L.</param>
/// <param name="mask">The ReLU's, or empty.</param>
/// <param name="sums">Overwritten, <see cref="SumsLength"/>.</param>
internal readonly ref struct PlaneSums<T>(T term, scoped in Planes planes, scoped in ReLUMask mask, Span<double> sums) : IKernel
    where T : struct, ITerm, allows ref struct
{
    // From so many channels on, each thread has some.
    private const int EnoughChannels = 64;

    private readonly T _term = term;
    private readonly int _channels = planes.Channels;
    private readonly int _length = planes.Length;
    private readonly int _samplesPerUnit = planes.Samples / Math.Max(GroupsOf(planes), 1);
    private readonly Span<double> _sums = sums;
    private readonly ReLUMask _mask = mask;

    /// <summary>How many doubles <see cref="Of"/> overwrites.</summary>
    public static int SumsLength(in Planes planes) => 2 * planes.Channels * Math.Max(GroupsOf(planes), 1);

    /// <summary>Takes the sums.</summary>
    /// <returns>Both sums of each channel, (2, C): the first part of the sums.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)] // It would have a place in the frame of a caller with columns, which is cleared at every call.
    public static Span<double> Of(T term, scoped in Planes planes, scoped in ReLUMask mask, Span<double> sums)
    {
        PlaneSums<T> kernel = new(term, planes, mask, sums);
        Kernels.Run(ref kernel, GroupsOf(planes) * planes.Channels, planes.Elements);
        return Accumulation.Fold(sums, 2 * planes.Channels);
    }

    // The samples whose planes have sums of their own: all, or together.
    private static int GroupsOf(in Planes planes) => planes.Channels >= EnoughChannels ? Math.Min(planes.Samples, 1) : planes.Samples;

    [MethodImpl(Kernels.FullyOptimized)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        int C = _channels;
        for (int unit = first; unit < first + count;)
        {
            // The units of one group of samples.
            int group = unit / C;
            int channel = unit - group * C;
            int end = Math.Min(C, channel + first + count - unit);
            Span<double> sums = _sums.Slice(2 * C * group, 2 * C);
            sums[channel..end].Clear();
            sums[(C + channel)..(C + end)].Clear();
            for (int n = group * _samplesPerUnit; n < (group + 1) * _samplesPerUnit; n++)
            {
                AddPlanes<L, D>(sums, n, channel, end);
            }

            unit += end - channel;
        }
    }

    [MethodImpl(Kernels.FullyOptimized)]
    private void AddPlanes<L, D>(Span<double> sums, int n, int first, int end)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        int length = _length;
        nint whole = length & ~15;
        for (int c = first; c < end; c++)
        {
            nint start = ((nint)n * _channels + c) * length;
            if (!_mask.IsEmpty)
            {
                _mask.Apply<L>((int)start, length, ahead: 0);
            }

            SingleDouble shift = _term.Centre<SingleDouble>(c);
            D centre = D.Create(shift.Value);
            D sumLow = D.Create(0);
            D sumHigh = D.Create(0);
            D productLow = D.Create(0);
            D productHigh = D.Create(0);
            for (nint i = start; i < start + whole; i += 16)
            {
                // sum += ...; product += ... [F1] [F2], or [B1] [B2]
                _term.Add(i, centre, ref sumLow, ref productLow);
                _term.Add(i + 8, centre, ref sumHigh, ref productHigh);
            }

            SingleDouble sum = new(D.Sum(sumLow + sumHigh));
            SingleDouble product = new(D.Sum(productLow + productHigh));
            for (nint i = start + whole; i < start + length; i++)
            {
                _term.Add(i, shift, ref sum, ref product);
            }

            sums[c] += sum.Value;
            sums[_channels + c] += product.Value;
        }
    }
}
