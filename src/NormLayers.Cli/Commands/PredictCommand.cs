using System.CommandLine;
using NormLayers.Cli.Output;
using NormLayers.Lab.Training;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers predict</c>: which class a saved model takes each sample for.</summary>
internal sealed class PredictCommand
{
    private readonly ModelOptions _options = new("Write the predictions to this file, and nothing to standard output.");
    private readonly Option<bool> _all = new("--probabilities") { Description = "Add the probability of every class." };

    public static IReadOnlyList<string> Examples { get; } =
    [
        "normlayers predict --model model.safetensors --data digits",
        "normlayers predict --model model.safetensors --data csv --data-path new.csv --output classes.csv",
        "normlayers predict --model model.safetensors --data idx --data-path mnist --json --probabilities",
    ];

    public Command Create()
    {
        Command command = new("predict", "Say which class a saved model takes each sample for, and how sure it is.");
        foreach (Option option in (Option[])[.. _options.All, _all])
        {
            command.Options.Add(option);
        }

        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        if (_options.Open(parsed, heldOut: false, labelled: false) is not var (model, samples, data, settings))
        {
            return ExitCode.Usage;
        }

        ClassifierPrediction prediction = model.Classifier.Predict(samples);
        bool classified = ModelOptions.CheckClasses(prediction.Classes.Count(c => c < 0), samples.Count);
        PredictionDocument document = PredictionDocument.From(prediction, model, samples, data, settings, parsed.GetValue(_all));
        byte[] content = parsed.GetValue(_options.Json) ? document.ToUtf8() : document.ToCsv();
        bool written = _options.Output(parsed) is { } path
            ? ResultFile.TryWrite(path, "predictions", () => content, _options.Quiet(parsed), ResultFile.ReportFailure)
            : StandardStreams.TryShow(json: true, content, "", ResultFile.ReportFailure);
        return written && classified ? ExitCode.Success : ExitCode.Failed;
    }
}
