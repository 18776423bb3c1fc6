using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using NormLayers.Normalization;

namespace NormLayers;

/// <summary>How running statistics follow the batches' statistics, and whether a layer can use them.</summary>
/// <param name="layer">The layer's name, for messages.</param>
/// <param name="momentum">The weight of a batch.</param>
/// <param name="nonFinite">What statistics that are not finite do.</param>
internal sealed class RunningUpdate(string layer, Momentum momentum, NonFiniteStatistics nonFinite)
{
    /// <summary>The weight of a batch.</summary>
    public Momentum Momentum => momentum;

    /// <summary>What statistics that are not finite do.</summary>
    public NonFiniteStatistics NonFinite => nonFinite;

    /// <summary>Throws, if that is the policy, where a batch's statistics are not finite floats: to be called before the first <see cref="Step"/>.</summary>
    /// <param name="mean">The batch's mean of each channel, (C).</param>
    /// <param name="variance">The batch's biased variance of each channel, (C), or its deviation where that is tracked.</param>
    /// <param name="unbiased">What the variance is multiplied by: m/(m − 1), and 1 for a deviation.</param>
    /// <exception cref="InvalidOperationException">The statistics are not finite and the policy is to throw.</exception>
    public void Check(ReadOnlySpan<double> mean, ReadOnlySpan<double> variance, double unbiased)
    {
        if (nonFinite == NonFiniteStatistics.Throw && FirstNonFinite(mean, variance, unbiased) is { } channel)
        {
            Throw.Operation(string.Create(
                CultureInfo.InvariantCulture,
                $"{layer}: the batch's statistics of channel {channel} are not finite (mean {mean[channel]}, variance {variance[channel]})."));
        }
    }

    /// <summary>Makes one step. [F6] [F7]</summary>
    /// <param name="mean">The batch's mean of each channel, (C).</param>
    /// <param name="variance">The batch's biased variance of each channel, (C), or its deviation where that is tracked.</param>
    /// <param name="unbiased">What the variance is multiplied by: m/(m − 1), and 1 for a deviation.</param>
    /// <param name="running">Overwritten.</param>
    public void Step(ReadOnlySpan<double> mean, ReadOnlySpan<double> variance, double unbiased, RunningStatistics running)
    {
        // The channels share the count that a cumulative average divides by, so a batch goes into all of them or into none.
        if (nonFinite == NonFiniteStatistics.Skip && momentum.IsCumulative && FirstNonFinite(mean, variance, unbiased) is not null)
        {
            running.SkippedUpdates++;
            return;
        }

        double newWeight = momentum.WeightOfBatch(++running.BatchesSeen);
        if (ChannelNorm.UpdateRunning(mean, variance, (newWeight, unbiased), nonFinite == NonFiniteStatistics.Accept, running.Mean, running.Spread) > 0)
        {
            running.SkippedUpdates++;
        }
    }

    /// <summary>Refuses a running variance or deviation that no data has: a negative one, or NaN unless statistics that are not finite are accepted.</summary>
    /// <param name="running">What a pass is about to use.</param>
    /// <exception cref="InvalidOperationException">There is one.</exception>
    public void CheckSpread(RunningStatistics running)
    {
        float[] spread = running.Spread;

        // As bits, negative numbers and NaN are above infinity; of these, a negative zero is none to refuse.
        ReadOnlySpan<uint> bits = MemoryMarshal.Cast<float, uint>(spread);
        if (!bits.ContainsAnyExceptInRange(0u, BitConverter.SingleToUInt32Bits(float.PositiveInfinity)))
        {
            return;
        }

        int c = Array.FindIndex(spread, v => v < 0 || (float.IsNaN(v) && nonFinite != NonFiniteStatistics.Accept));
        if (c >= 0)
        {
            string what = running.Deviation.Length > 0 ? "deviations" : "variances";
            Throw.Operation(string.Create(CultureInfo.InvariantCulture, $"{layer}: expected running {what} ≥ 0, got {spread[c]} in channel {c}."));
        }
    }

    private static int? FirstNonFinite(ReadOnlySpan<double> mean, ReadOnlySpan<double> variance, double unbiased)
    {
        // At most doubled, both are far from what no float can hold; a NaN fails the comparison.
        if (TensorPrimitives.MaxMagnitude(mean) < 1e38 && TensorPrimitives.MaxMagnitude(variance) < 1e38)
        {
            return null;
        }

        for (int c = 0; c < mean.Length; c++)
        {
            if (!FloatRange.FitFloat(mean[c], variance[c] * unbiased))
            {
                return c;
            }
        }

        return null;
    }
}
