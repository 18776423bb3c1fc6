using System.CommandLine;
using NormLayers.Cli.Output;
using NormLayers.Lab.Training;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers evaluate</c>: how well a saved model does on labelled samples.</summary>
internal sealed class EvaluateCommand
{
    private readonly ModelOptions _options = new("Write the results to this file as JSON.");

    public static IReadOnlyList<string> Examples { get; } =
    [
        "normlayers evaluate --model model.safetensors --data digits",
        "normlayers evaluate --model model.safetensors --data csv --data-path new.csv --json",
        "normlayers evaluate --model model.safetensors --data digits --part all --output evaluation.json",
    ];

    public Command Create()
    {
        Command command = new("evaluate", "Show loss and accuracy of a saved model, class by class.");
        foreach (Option option in _options.All)
        {
            command.Options.Add(option);
        }

        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        if (_options.Open(parsed, heldOut: true, labelled: true) is not var (model, samples, data, settings))
        {
            return ExitCode.Usage;
        }

        ClassifierEvaluation evaluation = model.Classifier.Evaluate(samples);
        bool classified = ModelOptions.CheckClasses(evaluation.Unclassified, samples.Count);
        EvaluationDocument document = EvaluationDocument.From(evaluation, model, samples, data, settings);
        byte[] json = document.ToUtf8();
        bool saved = ResultFile.TryWrite(_options.Output(parsed), "results", () => json, _options.Quiet(parsed), ResultFile.ReportFailure);
        bool shown = StandardStreams.TryShow(parsed.GetValue(_options.Json), json, document.ToTable(), ResultFile.ReportFailure);
        return saved && shown && classified ? ExitCode.Success : ExitCode.Failed;
    }
}
