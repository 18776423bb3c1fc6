using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

/// <summary>Two sums over each plane (n, c) of (N, C, L), folded over n in order: lanes run along the L elements.</summary>
/// <remarks>
/// Units are channels where there are enough of them for all threads, and else planes, so that (N, 1, L) is shared out too. The fold adds
/// the same numbers in the same order in both cases, so that no bit depends on the choice.
/// </remarks>
/// <typeparam name="T">What an element adds.</typeparam>
internal readonly ref struct PlaneSums<T> : IKernel
    where T : struct, ITerm, allows ref struct
{
    // From so many channels on, each thread has some.
    private const int EnoughChannels = 64;

    private readonly T _term;
    private readonly ReadOnlySpan<double> _centre;
    private readonly Planes _planes;
    private readonly int _samplesPerUnit;
    private readonly Span<double> _sums;
    private readonly ReLUMask _mask;

    private PlaneSums(T term, ReadOnlySpan<double> centre, Planes planes, ReLUMask mask, Span<double> sums)
    {
        _term = term;
        _centre = centre;
        _planes = planes;
        _mask = mask;
        _sums = sums;
        _samplesPerUnit = planes.Channels >= EnoughChannels ? planes.Samples : 1;
    }

    /// <summary>How many doubles <see cref="Run(T, ReadOnlySpan{double}, Planes, ReLUMask, Span{double})"/> overwrites.</summary>
    public static int SumsLength(Planes planes) => 2 * planes.Channels * (planes.Channels >= EnoughChannels ? 1 : Math.Max(planes.Samples, 1));

    /// <summary>Takes the sums.</summary>
    /// <param name="term">What an element adds.</param>
    /// <param name="centre">What is subtracted from x, (C).</param>
    /// <param name="planes">N, C and L.</param>
    /// <param name="mask">The ReLU's, or empty.</param>
    /// <param name="sums">Overwritten, <see cref="SumsLength"/>: in front both sums of each channel, (2, C).</param>
    public static void Run(T term, ReadOnlySpan<double> centre, Planes planes, ReLUMask mask, Span<double> sums)
    {
        int C = planes.Channels;
        PlaneSums<T> kernel = new(term, centre, planes, mask, sums);
        int groups = planes.Samples == 0 ? 0 : planes.Samples / kernel._samplesPerUnit;
        Kernels.Run(ref kernel, groups * C, planes.Elements);
        for (int n = 1; n < groups; n++)
        {
            System.Numerics.Tensors.TensorPrimitives.Add(sums[..(2 * C)], sums.Slice(2 * C * n, 2 * C), sums[..(2 * C)]);
        }
    }

    [MethodImpl(Kernels.Loops)]
    public void Run<L, D>(int first, int count)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        int C = _planes.Channels;
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

    [MethodImpl(Kernels.Loops)]
    [SkipLocalsInit]
    private void AddPlanes<L, D>(Span<double> sums, int n, int first, int end)
        where L : struct, ILanes<L>
        where D : struct, IDoubleLanes<D>
    {
        Span<double> buffer = stackalloc double[LaneTree.Folded];
        ref double l0 = ref MemoryMarshal.GetReference(buffer);
        int length = _planes.Length;
        nint whole = length & ~15;
        for (int c = first; c < end; c++)
        {
            nint start = ((nint)n * _planes.Channels + c) * length;
            if (!_mask.IsEmpty)
            {
                _mask.Apply<L>((int)start, length);
            }

            D centre = D.Create(_centre[c]);
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

            SingleDouble sum = new(D.Sum(sumLow + sumHigh, ref l0));
            SingleDouble product = new(D.Sum(productLow + productHigh, ref l0));
            for (nint i = start + whole; i < start + length; i++)
            {
                _term.Add(i, new SingleDouble(_centre[c]), ref sum, ref product);
            }

            sums[c] += sum.Value;
            sums[_planes.Channels + c] += product.Value;
        }
    }
}
