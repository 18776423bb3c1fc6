using System.CommandLine;
using NormLayers.Cli.Bench;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Network;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers bench</c>: times the layers and a training step on this machine, beside its memory.</summary>
internal sealed class BenchCommand
{
    private const double DefaultSeconds = 60;

    // Of one case and its streams at once: x, dy, y and dx, and y and dx again.
    private const int TensorsAtOnce = 6;

    private static readonly string[] _defaultShapes = ["32x32", "64x128", "512x768", "4096x768"];

    // For a layer that needs positions.
    private static readonly string[] _defaultPlanes = ["8x64x784", "2x320x4096"];
    private static readonly NumberType _secondsType = new(0.05, 3600);

    private static readonly NormalizationKind[] _layers = [.. NormalizationKind.All.Where(l => l != NormalizationKind.None)];

    private readonly Option<string[]> _shapes = new("--shape")
    {
        Description = $"A shape NxC or, for layers over channels, NxCxL; may be repeated ({string.Join(", ", _defaultShapes)}; instancenorm: {string.Join(", ", _defaultPlanes)}).",
        HelpName = "shape",
    };

    private readonly Option<string[]> _layer = new("--layer") { Description = $"Only this one of {string.Join(", ", _layers.Select(l => l.Name))}, and no training steps; may be repeated.", HelpName = "layer" };
    private readonly Option<string> _seconds = new("--seconds") { Description = "About how long it may take (60).", HelpName = "seconds" };
    private readonly Option<bool> _json = new("--json") { Description = "Print the results as JSON, and nothing else, on standard output." };
    private readonly Option<string> _output = new("--output", "-o") { Description = "Also write the results to this JSON file.", HelpName = "file" };
    private readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "Show no progress." };

    public static IReadOnlyList<string> Examples { get; } =
    [
        "normlayers bench",
        "normlayers bench --shape 512x768 --shape 1024x1024 --layer layernorm --layer rmsnorm",
        "normlayers bench --shape 2x320x4096 --layer groupnorm --seconds 5",
        "normlayers bench --json --output bench.json",
    ];

    public Command Create()
    {
        _layer.AcceptOnlyFromAmong([.. _layers.Select(l => l.Name)]);
        Command command = new("bench", "Time the layers and a training step on this machine, beside its memory.") { _shapes, _layer, _seconds, _json, _output, _quiet };
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        List<Diagnostic> errors = [];
        List<string> notes = [];
        string[] only = parsed.GetValue(_layer) ?? [];
        double seconds = FlagValue.Read(parsed, _seconds, _secondsType, errors, DefaultSeconds);
        List<NormCase> norms = [.. Layers(only).SelectMany(layer => Cases(parsed, layer, only.Length > 0, notes, errors))];
        if (parsed.GetValue(_output) is { } path && WritablePath.FindProblem(path) is { } problem)
        {
            errors.Add(new Diagnostic(Origin.Flag(_output.Name), problem));
        }

        if (errors.Count > 0)
        {
            RunSession.Report([.. errors.Distinct()]);
            return ExitCode.Usage;
        }

        using Interruption interruption = new();
        int all = Math.Min(Environment.ProcessorCount, Numerics.Threads.Most);
        BenchRun run = new(norms, only.Length == 0 ? [.. StepCase.Defaults] : [], all == 1 ? [1] : [1, all], seconds, interruption.Token);
        bool quiet = parsed.GetValue(_quiet);
        notes.Where(_ => !quiet).ToList().ForEach(StandardStreams.WriteError);
        bool completed = run.Run(name =>
        {
            if (!quiet)
            {
                StandardStreams.WriteError(name);
            }
        });
        bool published = Publish(parsed, BenchDocument.From(run, completed));
        return !completed ? interruption.ExitCode : published ? ExitCode.Success : ExitCode.Failed;
    }

    private bool Publish(ParseResult parsed, BenchDocument document)
    {
        byte[] json = document.ToUtf8();
        bool saved = ResultFile.TryWrite(parsed.GetValue(_output), "results", () => json, quiet: true, ResultFile.ReportFailure);
        return StandardStreams.TryShow(parsed.GetValue(_json), json, BenchTable.Format(document), ResultFile.ReportFailure) && saved;
    }

    private static IEnumerable<NormalizationKind> Layers(string[] only) => _layers.Where(l => only.Length == 0 || only.Contains(l.Name));

    private IEnumerable<NormCase> Cases(ParseResult parsed, NormalizationKind layer, bool named, List<string> notes, List<Diagnostic> errors)
    {
        List<Shape> shapes = [];
        foreach (string text in parsed.GetValue(_shapes) is { Length: > 0 } given ? given : layer.NeedsPositions ? _defaultPlanes : _defaultShapes)
        {
            if (!NormCase.TryReadShape(text, out Shape shape))
            {
                errors.Add(new Diagnostic(Origin.Flag(_shapes.Name), $"'{text}' is no shape NxC or NxCxL of at most 2147483647 elements, as in 512x768"));
            }
            else if (layer.UsesBatch && shape.Length == shape[1])
            {
                errors.Add(new Diagnostic(Origin.Flag(_shapes.Name), $"'{text}' has one value per channel, and statistics of the batch need two"));
            }
            else if (layer.Wrap is null && layer.Check(new NormCase(layer, shape, NormPass.Forward).Settings) is { } problem)
            {
                if (named)
                {
                    errors.Add(new Diagnostic(Origin.Flag(_shapes.Name), $"'{text}': {problem}"));
                }
                else
                {
                    notes.Add($"note: {layer.Name} is not timed on {text}: {problem}");
                }
            }
            else if ((double)shape.Length * sizeof(float) * TensorsAtOnce > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
            {
                errors.Add(new Diagnostic(Origin.Flag(_shapes.Name), $"'{text}' needs more memory than there is"));
            }
            else
            {
                shapes.Add(shape);
            }
        }

        IEnumerable<NormPass> passes = Enum.GetValues<NormPass>().Where(p => p != NormPass.Evaluation || layer.UsesBatch);
        return from pass in passes from shape in shapes select new NormCase(layer, shape, pass);
    }
}
