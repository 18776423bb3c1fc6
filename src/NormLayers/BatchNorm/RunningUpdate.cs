using System.Globalization;
using System.Numerics.Tensors;
using NormLayers.Normalization;

namespace NormLayers;

/// <summary>How running statistics follow the batches' statistics.</summary>
/// <param name="layer">The layer's name, for messages.</param>
/// <param name="momentum">The weight of a batch.</param>
/// <param name="nonFinite">What statistics that are not finite do.</param>
internal sealed class RunningUpdate(string layer, Momentum momentum, NonFiniteStatistics nonFinite)
{
    /// <summary>The weight of a batch.</summary>
    public Momentum Momentum => momentum;

    /// <summary>Makes one step. [F6] [F7]</summary>
    /// <param name="mean">The batch's mean of each channel, (C).</param>
    /// <param name="variance">The batch's biased variance of each channel, (C).</param>
    /// <param name="m">The elements that each was taken over, ≥ 2.</param>
    /// <param name="running">Overwritten.</param>
    /// <exception cref="InvalidOperationException">The statistics are not finite and the policy is to throw; nothing has changed then.</exception>
    public void Step(ReadOnlySpan<double> mean, ReadOnlySpan<double> variance, int m, RunningStatistics running)
    {
        bool allOrNone = nonFinite == NonFiniteStatistics.Throw || (nonFinite == NonFiniteStatistics.Skip && momentum.IsCumulative);
        if (allOrNone && FirstNonFinite(mean, variance, m) is { } channel)
        {
            if (nonFinite == NonFiniteStatistics.Throw)
            {
                Throw.Operation(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{layer}: the batch's statistics of channel {channel} are not finite (mean {mean[channel]}, variance {variance[channel]})."));
            }

            // The channels share the count that a cumulative average divides by, so a batch goes into all of them or into none.
            running.SkippedUpdates++;
            return;
        }

        double newWeight = momentum.WeightOfBatch(++running.BatchesSeen);
        if (ChannelNorm.UpdateRunning(mean, variance, (newWeight, m / (m - 1.0)), nonFinite == NonFiniteStatistics.Accept, running) > 0)
        {
            running.SkippedUpdates++;
        }
    }

    private static int? FirstNonFinite(ReadOnlySpan<double> mean, ReadOnlySpan<double> variance, int m)
    {
        // At most doubled, both are far from what no float can hold; a NaN fails the comparison.
        if (TensorPrimitives.MaxMagnitude(mean) < 1e38 && TensorPrimitives.MaxMagnitude(variance) < 1e38)
        {
            return null;
        }

        for (int c = 0; c < mean.Length; c++)
        {
            if (!ChannelNorm.FitFloat(mean[c], variance[c] * (m / (m - 1.0))))
            {
                return c;
            }
        }

        return null;
    }
}
