namespace NormLayers;

/// <summary>What batch statistics that are NaN, infinite or too large for a float do to the running ones.</summary>
public enum NonFiniteStatistics
{
    /// <summary>
    /// The channel's running statistics stay as they were (with <see cref="Momentum.Cumulative"/> the statistics of every channel, since they
    /// share one count), and the batch is counted in <see cref="RunningStatistics.SkippedUpdates"/>.
    /// </summary>
    Skip,

    /// <summary>They are written, as in PyTorch: the channel's running statistics stay non-finite from then on.</summary>
    Accept,

    /// <summary>The forward pass throws before any running statistic has changed.</summary>
    Throw,
}

/// <summary>The running mean, and variance or deviation, of a batch normalization layer: state that no gradient changes.</summary>
/// <remarks>
/// The arrays belong to the object for good; a caller may read them, save them and write them in place. A pass that would use a negative variance or deviation, or
/// NaN without <see cref="NonFiniteStatistics.Accept"/>, throws an <see cref="InvalidOperationException"/>.
/// </remarks>
public sealed class RunningStatistics
{
    // Arrays, so that NamedState can hand them out.
    private readonly long[] _batchesSeen = new long[1];
    private readonly long[] _skippedUpdates = new long[1];

    /// <summary>Creates statistics with mean 0, variance 1 and no batch seen.</summary>
    /// <param name="features">The number of channels C, ≥ 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> is below 1.</exception>
    public RunningStatistics(int features)
        : this(features, ofDeviations: false)
    {
    }

    internal RunningStatistics(int features, bool ofDeviations)
    {
        Throw.IfNotPositive(features, nameof(features));
        Mean = new float[features];
        Variance = ofDeviations ? [] : new float[features];
        Deviation = ofDeviations ? new float[features] : [];
        Reset();
    }

    /// <summary>The running mean of each channel, (C).</summary>
    public float[] Mean { get; }

    /// <summary>The running variance of each channel, (C), of the unbiased kind (divided by m − 1) unless <see cref="BatchNorm.BiasedRunningVariance"/> is set; empty where <see cref="Deviation"/> is tracked.</summary>
    public float[] Variance { get; }

    /// <summary>The running standard deviation of each channel with ε in it, √(variance + ε), (C), in <see cref="BatchRenorm"/>; elsewhere empty.</summary>
    public float[] Deviation { get; }

    /// <summary>The one of both that is tracked.</summary>
    internal float[] Spread => Deviation.Length > 0 ? Deviation : Variance;

    /// <summary>
    /// The batches, or chunks of <see cref="GhostBatchNorm"/>, seen in training since the last reset, those that were skipped in a channel included; with
    /// <see cref="Momentum.Cumulative"/>, which leaves such a batch out of every channel, not included.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a negative number.</exception>
    public long BatchesSeen
    {
        get => _batchesSeen[0];
        set => _batchesSeen[0] = NotNegative(value);
    }

    /// <summary>The batches since the last reset of which at least one channel was skipped because it was not finite.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a negative number.</exception>
    public long SkippedUpdates
    {
        get => _skippedUpdates[0];
        set => _skippedUpdates[0] = NotNegative(value);
    }

    /// <summary>Sets the mean to 0, the variance or deviation to 1 and both counters to 0.</summary>
    public void Reset()
    {
        Array.Clear(Mean);
        Array.Fill(Spread, 1);
        BatchesSeen = 0;
        SkippedUpdates = 0;
    }

    private static long NotNegative(long value)
    {
        if (value < 0)
        {
            Throw.OutOfRange(nameof(value), "a number ≥ 0", value);
        }

        return value;
    }

    /// <summary>Copies of the mean and of the variance or deviation in double.</summary>
    internal (double[] Mean, double[] Spread) Wide() => (Array.ConvertAll(Mean, v => (double)v), Array.ConvertAll(Spread, v => (double)v));

    /// <summary>Mean, variance or deviation, and both counters.</summary>
    internal NamedState[] NamedState() =>
    [
        new("running_mean", Mean.Length, Mean),
        new(Deviation.Length > 0 ? "running_std" : "running_var", Spread.Length, Spread) { IsNotNegative = true },
        new("num_batches_tracked", _batchesSeen) { IsNotNegative = true },
        new("num_batches_skipped", _skippedUpdates) { IsInStateDict = false, IsNotNegative = true },
    ];
}
