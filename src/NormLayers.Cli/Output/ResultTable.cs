using System.Globalization;
using NormLayers.Lab.Training;

namespace NormLayers.Cli.Output;

/// <summary>The result for people.</summary>
internal static class ResultTable
{
    public static string Format(TrainingResult result, string mode, int epochs, double seconds) => string.Create(
        CultureInfo.InvariantCulture,
        $"""
                    loss   accuracy
        train {Loss(result.Train)} {Accuracy(result.Train)}
        test  {Loss(result.Test)} {Accuracy(result.Test)}

        {mode}, {result.Status.ToString().ToLowerInvariant()}: {result.History.Count} of {epochs} epochs, {result.Steps} steps in {seconds:0.00} s
        """);

    public static string Loss(Evaluation evaluation) => double.IsFinite(evaluation.Loss)
        ? evaluation.Loss.ToString("0.0000", CultureInfo.InvariantCulture).PadLeft(10)
        : "not finite";

    public static string Accuracy(Evaluation evaluation) =>
        (100 * evaluation.Accuracy).ToString("0.00", CultureInfo.InvariantCulture).PadLeft(8) + " %";
}
