using NormLayers.Lab.Data;
using NormLayers.Lab.Training;

namespace NormLayers.Lab.Trials;

/// <summary>Trains one network as its options say: equal options and data give equal bits, alone or among other trials.</summary>
public static class Trial
{
    /// <summary>The optimizer steps that a trial takes.</summary>
    /// <param name="options">The trial.</param>
    /// <param name="samples">The samples of its training set, ≥ 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    /// <exception cref="OverflowException">More steps than a <see cref="long"/> holds.</exception>
    public static long CountSteps(TrialOptions options, long samples)
    {
        ArgumentNullException.ThrowIfNull(options);
        long batch = Throw.IfNotPositive(options.BatchSize, nameof(options.BatchSize));
        Throw.IfBelow(samples, 0, nameof(samples));
        return checked(options.Epochs * (samples / batch + (options.DropLast || samples % batch == 0 ? 0 : 1)));
    }

    /// <summary>Trains on the calling thread.</summary>
    /// <param name="options">The trial.</param>
    /// <param name="data">What to train on.</param>
    /// <param name="observer">Who is told of the training; may be null.</param>
    /// <param name="probeInterval">Steps from one probe of the layers to the next; 0 for none.</param>
    /// <param name="everyEpoch">Whether the network is evaluated after every epoch, and not only after the last.</param>
    /// <param name="cancellationToken">Ends it after the step at hand.</param>
    /// <returns>What it came to; a diverged or cancelled trial is a result, not an exception.</returns>
    /// <exception cref="ArgumentException">An option out of range, or data that do not fit.</exception>
    public static TrialResult Run(
        TrialOptions options,
        DataSplit data,
        ITrainingObserver? observer = null,
        int probeInterval = 0,
        bool everyEpoch = true,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(data);
        return new PreparedTrial(options, data).Run(observer, probeInterval, everyEpoch, checkpoints: null, cancellationToken);
    }
}
