using System.Globalization;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Output;

/// <summary>Shows a run as it goes, on standard error.</summary>
internal abstract class Progress : ITrainingObserver
{
    /// <summary>The way to show progress that suits where standard error goes.</summary>
    public static Progress Create(bool silent, bool color, int epochs, long steps) =>
        silent ? new SilentProgress()
        : Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") is "dumb" ? new LineProgress(epochs)
        : new LiveProgress(epochs, steps, color);

    public abstract TrialResult Run(Func<TrialResult> training);

    public virtual void OnStep(in StepMetrics metrics)
    {
    }

    public virtual void OnEpoch(EpochMetrics metrics)
    {
    }

    /// <summary>The text of one finished epoch.</summary>
    protected static string Describe(EpochMetrics metrics, int epochs) => string.Create(
        CultureInfo.InvariantCulture,
        $"epoch {metrics.Epoch}/{epochs}  train loss {metrics.Train.Loss:0.0000}, accuracy {100 * metrics.Train.Accuracy:0.0} %  test loss {metrics.Test.Loss:0.0000}, accuracy {100 * metrics.Test.Accuracy:0.0} %");

    /// <summary>Samples per second as a person reads it.</summary>
    protected static string DescribeRate(double samples, double seconds) =>
        seconds > 0 ? string.Create(CultureInfo.InvariantCulture, $"{samples / seconds:#,0} samples/s") : "- samples/s";
}

internal sealed class SilentProgress : Progress
{
    public override TrialResult Run(Func<TrialResult> training) => training();
}

/// <summary>One plain line an epoch: for files, pipes and continuous integration.</summary>
internal sealed class LineProgress(int epochs) : Progress
{
    private long _samples;

    public override TrialResult Run(Func<TrialResult> training) => training();

    public override void OnStep(in StepMetrics metrics) => _samples += metrics.Samples;

    public override void OnEpoch(EpochMetrics metrics)
    {
        StandardStreams.WriteError($"{Describe(metrics, epochs)}  {DescribeRate(_samples, metrics.Seconds)}");
        _samples = 0;
    }
}
