using System.CommandLine;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers compare</c>: trains with each normalization and the same seeds, and says what differs.</summary>
internal sealed class CompareCommand
{
    private const string DefaultModes = "none,batchnorm,layernorm";

    // With 5 and with 10 no difference was found on the default problem, which has some (docs/lab-reference.md).
    private const int DefaultSeeds = 30;

    private static readonly NumberType _lossType = new(0, 1e6);

    private readonly TrainOptions _options = new(Keys.Mode, Keys.ProbeInterval);
    private readonly SeedsOption _seeds = new(DefaultSeeds);
    private readonly Option<string> _modes = new("--modes", "-m") { Description = $"The normalizations to compare, of {string.Join(", ", Keys.Modes.Names)} ({DefaultModes}).", HelpName = "list" };
    private readonly Option<string> _targetLoss = new("--target-loss")
    {
        Description = "Count the steps to this training loss (the lowest that every completed trial reached).",
        HelpName = "loss",
    };

    public static IReadOnlyList<string> Examples { get; } =
    [
        "normlayers compare",
        "normlayers compare --data digits --epochs 10 --output comparison.json",
        "normlayers compare --report comparison.html",
        "normlayers compare --modes none,batchnorm --learning-rate 1 --target-loss 0.3",
    ];

    public Command Create()
    {
        Command command = new("compare", "Train with each normalization and the same seeds, and say what differs.");
        foreach (Option option in (Option[])[_modes, _seeds.Option, _targetLoss, .. _options.All, .. _options.Reporting])
        {
            command.Options.Add(option);
        }

        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        List<Diagnostic> modeErrors = [];
        List<NormalizationKind> modes = ReadModes(parsed, modeErrors);
        IReadOnlyList<long> seeds = [];
        double target = double.NaN;
        using RunSession? session = RunSession.Open(
            parsed,
            _options,
            [],
            (settings, errors) =>
            {
                errors.AddRange(modeErrors);
                seeds = _seeds.Read(parsed, settings, errors);
                target = FlagValue.Read(parsed, _targetLoss, _lossType, errors, double.NaN);
            },
            settings =>
            {
                settings.Modes = modes;
                Origin origin = Origin.Flag(_modes.Name);
                return modes.Take(1).Select(m => new Assignment(Keys.Mode, new ScalarNode(origin, m.Name, IsPlain: true), origin));
            });
        if (session is null)
        {
            return ExitCode.Usage;
        }

        CompareResult result = Compare(session, modes, seeds, double.IsNaN(target) ? null : target);
        CompareDocument document = CompareDocument.From(result, session.Settings);
        bool saved = session.Publish(document.ToUtf8(), CompareTable.Format(result), () => CompareReport.From(result, document.Config));
        return result.Cancelled ? session.InterruptedCode
            : saved && !result.AllDiverged ? ExitCode.Success
            : ExitCode.Failed;
    }

    private static CompareResult Compare(RunSession session, IReadOnlyList<NormalizationKind> modes, IReadOnlyList<long> seeds, double? targetLoss)
    {
        TrialsProgress progress = new(session.ShowsNoProgress, session.Color, session.Log.Trial);
        return progress.Run(() => Comparison.Run(session.Settings.ToTrial(), modes, seeds, session.Data, targetLoss, progress, session.Cancellation));
    }

    private List<NormalizationKind> ReadModes(ParseResult parsed, List<Diagnostic> errors)
    {
        Origin origin = Origin.Flag(_modes.Name);
        List<NormalizationKind> modes = [];
        foreach (string name in (parsed.GetValue(_modes) ?? DefaultModes).Split(',', StringSplitOptions.TrimEntries))
        {
            if (Keys.Mode.Read(new ScalarNode(origin, name, IsPlain: true), out object? value) is { } error)
            {
                errors.Add(new Diagnostic(origin, error));
            }
            else if (modes.Contains((NormalizationKind)value!))
            {
                errors.Add(new Diagnostic(origin, $"'{name}' is given twice"));
            }
            else
            {
                modes.Add((NormalizationKind)value!);
            }
        }

        if (modes.Count == 1 && errors.Count == 0)
        {
            errors.Add(new Diagnostic(origin, "two modes or more are needed to compare, got 1"));
        }

        return modes;
    }
}
