using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Lab.Training;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers export</c>: writes a saved model as ONNX.</summary>
internal sealed class ExportCommand
{
    private const string Input = "features";
    private const string Logits = "logits";
    private const string Probabilities = "probabilities";

    private readonly Option<string> _model = ModelOptions.CreateModel();
    private readonly Option<string> _output = new("--output", "-o") { Description = "The ONNX file to write.", HelpName = "file", Required = true };
    private readonly Option<bool> _softmax = new("--softmax") { Description = $"Add the output '{Probabilities}', the softmax of '{Logits}'." };
    private readonly Option<bool> _bare = new("--without-standardization") { Description = "Leave the standardization out: the input is then what the network takes." };
    private readonly Option<bool> _json = new("--json") { Description = "Print what was written as JSON, and nothing else, on standard output." };

    public static IReadOnlyList<string> Examples { get; } =
    [
        "normlayers export --model model.safetensors --output model.onnx",
        "normlayers export --model model.safetensors --output model.onnx --softmax --json",
    ];

    public Command Create()
    {
        Command command = new("export", "Write a saved model as an ONNX file, for ONNX Runtime and others.") { _model, _output, _softmax, _bare, _json };
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        List<Diagnostic> errors = [];
        string modelPath = parsed.GetValue(_model)!;
        string path = parsed.GetValue(_output)!;
        OutputRules.CheckUse(settings: null, configPath: null, modelPath, [(_output.Name, path)], errors);
        ModelFile? model = ModelFile.Read(_model.Name, modelPath, errors);
        if (errors.Count > 0)
        {
            RunSession.Report(errors);
            return ExitCode.Usage;
        }

        foreach (string note in model!.Notes)
        {
            StandardStreams.WriteError("note: " + note);
        }

        Classifier classifier = model.Classifier;
        string? softmax = parsed.GetValue(_softmax) ? Probabilities : null;
        bool standardizes = classifier.Standardization is not null && !parsed.GetValue(_bare);
        using MemoryStream stream = new();
        int opset;
        try
        {
            opset = classifier.WriteOnnx(stream, standardizes, new OnnxOptions { Input = Input, Output = Logits, Softmax = softmax });
        }
        catch (NotSupportedException e)
        {
            ResultFile.ReportFailure($"'{modelPath}' cannot be exported: {e.Message.TrimEnd('.')}");
            return ExitCode.Failed;
        }

        ExportDocument document = new(
            path,
            classifier.Options.Normalization.Name,
            opset,
            Input,
            classifier.Format.FeatureCount,
            softmax is null ? [Logits] : [Logits, Probabilities],
            classifier.Format.ClassNames,
            classifier.Standardization is null ? "none" : standardizes ? "in the model" : "left out");
        return ResultFile.TryWrite(path, "model", stream.ToArray, quiet: true, ResultFile.ReportFailure)
            && StandardStreams.TryShow(parsed.GetValue(_json), document.ToUtf8(), document.ToText(), ResultFile.ReportFailure)
            ? ExitCode.Success
            : ExitCode.Failed;
    }
}

/// <summary>What <c>export</c> wrote.</summary>
internal sealed record ExportDocument(
    string File, string Mode, int Opset, string Input, int Features, IReadOnlyList<string> Outputs, IReadOnlyList<string> Classes, string Standardization)
{
    public byte[] ToUtf8() => [.. JsonSerializer.SerializeToUtf8Bytes(this, ResultJson.Default.ExportDocument), (byte)'\n'];

    public string ToText()
    {
        string standardization = Standardization switch
        {
            "none" => "the model was trained on features as they are",
            "in the model" => "it takes features as they are, and standardizes them",
            _ => "its standardization is left out: it takes standardized features",
        };
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{File}: {Mode}, ONNX opset {Opset}; input {Input} (batch, {Features}), output {string.Join(" and ", Outputs)} (batch, {Classes.Count}); {standardization}");
    }
}
