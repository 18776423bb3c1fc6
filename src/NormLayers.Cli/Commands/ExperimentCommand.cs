using System.CommandLine;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;
using NormLayers.Lab.Experiments;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers experiment</c>: runs what papers claim, and judges it.</summary>
/// <param name="experiments">What can be run.</param>
internal sealed class ExperimentCommand(IReadOnlyList<IExperiment> experiments)
{
    private const string List = "list";

    private static readonly IntegerType _seedType = new(0, Keys.LargestSeed);

    private readonly Argument<string> _name = new("name") { Description = "The experiment, or 'list' for all with their state.", HelpName = "name" };
    private readonly Option<bool> _full = new("--full") { Description = "Run the paper's length, or many times the default one, instead of what takes a minute." };
    private readonly Option<string> _data = new("--data")
    {
        Description = "Train on the IDX files (MNIST, Fashion-MNIST) of this folder; 'digits' is what comes with the tool.",
        HelpName = "folder",
    };

    private readonly Option<string> _seed = new("--seed") { Description = $"The seed of all random numbers ({ExperimentContext.DefaultSeed}).", HelpName = "number" };
    private readonly Option<string> _output = new("--output", "-o") { Description = "Also write the result to this JSON file.", HelpName = "file" };
    private readonly Option<string> _report = new("--report") { Description = "Write a report with charts to this file: HTML that opens anywhere, offline.", HelpName = "file" };
    private readonly Option<string> _svg = new("--svg") { Description = "Write the first chart of the report to this file as an SVG picture.", HelpName = "file" };
    private readonly Option<bool> _json = new("--json") { Description = "Print JSON, and nothing else, on standard output." };
    private readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "Show no progress and no notes." };

    public static IReadOnlyList<string> Examples { get; } =
    [
        "normlayers experiment list",
        "normlayers experiment init-gradients --report init-gradients.html",
        "normlayers experiment lr-sweep --data mnist --report lr-sweep.html",
        "normlayers experiment invariances --json",
    ];

    public Command Create()
    {
        Command command = new("experiment", "Run what a paper claims, and say whether it holds here.")
        {
            _name, _full, _data, _seed, _output, _report, _svg, _json, _quiet,
        };
        _name.CompletionSources.Add([.. experiments.Select(e => e.Name), List]);
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string name = parsed.GetValue(_name)!;
        IExperiment? experiment = experiments.FirstOrDefault(e => e.Name == name);
        string[] problems = [.. FindProblems(parsed, name, experiment)];
        if (problems.Length > 0)
        {
            return Refuse(problems);
        }

        if (experiment is null)
        {
            return PublishList(parsed);
        }

        using Interruption interruption = new();
        TrialsProgress progress = new(parsed.GetValue(_quiet), GlobalOptions.UsesColor(parsed));
        ExperimentContext context = new((ulong)ReadSeed(parsed, []), parsed.GetValue(_full), interruption.Token) { Observer = progress };
        try
        {
            if (experiment.UsesImages)
            {
                context = context with { Images = LoadImages(parsed, experiment, context) };
            }

            return Publish(parsed, progress.Run(() => experiment.Run(context)));
        }
        catch (DataFormatException e)
        {
            return Refuse(e.Message);
        }
        catch (OperationCanceledException e)
        {
            Publish(parsed, ExperimentResult.Stopped(experiment, context, e));
            return interruption.ExitCode;
        }
    }

    private ImageData LoadImages(ParseResult parsed, IExperiment experiment, ExperimentContext context)
    {
        ImageData images = ImageData.Load(parsed.GetValue(_data), context.Seed);
        if (images.Split.Train.Count < experiment.FewestImages)
        {
            throw new DataFormatException(images.Source, FormattableString.Invariant(
                $"has {images.Split.Train.Count} images to train on, and '{experiment.Name}' needs {experiment.FewestImages} or more"));
        }

        images.RequireLearnable();
        bool quiet = parsed.GetValue(_quiet);
        foreach (string note in quiet ? [] : images.Notes)
        {
            StandardStreams.WriteError("note: " + note);
        }

        if (images.Shipped && parsed.GetValue(_data) is null && !quiet)
        {
            StandardStreams.WriteError($"note: no MNIST was given or found, so it runs on {images.Source}");
        }

        return images;
    }

    private IEnumerable<string> FindProblems(ParseResult parsed, string name, IExperiment? experiment)
    {
        if (name == List)
        {
            foreach (Option option in ((Option[])[_full, _data, _seed, _report, _svg]).Where(o => parsed.GetResult(o) is { Implicit: false }))
            {
                yield return $"'{List}' runs nothing; leave out {option.Name}";
            }
        }
        else if (experiment is null)
        {
            yield return $"'{name}' is no experiment{NearestName.Hint(name, experiments.Select(e => e.Name))} ('normlayers experiment list' shows all)";
        }
        else if (!experiment.UsesImages && parsed.GetValue(_data) is not null)
        {
            yield return $"'{name}' uses no images; leave out {_data.Name}";
        }

        List<Diagnostic> errors = [];
        _ = ReadSeed(parsed, errors);
        OutputRules rules = new(errors);
        if (experiment?.UsesImages == true)
        {
            rules.ProtectImages(ImageData.FindFolder(parsed.GetValue(_data)));
        }

        rules.Check(((Option<string>[])[_output, _report, _svg]).Select(o => (o.Name, parsed.GetValue(o))));
        foreach (Diagnostic error in errors)
        {
            yield return $"{error.Origin.Place}: {error.Message}";
        }
    }

    private long ReadSeed(ParseResult parsed, List<Diagnostic> errors) => FlagValue.Read(parsed, _seed, _seedType, errors, ExperimentContext.DefaultSeed);

    private int PublishList(ParseResult parsed)
    {
        byte[] document = ExperimentEntry.ToUtf8(experiments);
        bool saved = Save(parsed, _output, "list", () => document);
        saved &= StandardStreams.TryShow(parsed.GetValue(_json), document, ExperimentText.List(experiments), ResultFile.ReportFailure);
        return saved ? ExitCode.Success : ExitCode.Failed;
    }

    private int Publish(ParseResult parsed, ExperimentResult result)
    {
        byte[] document = ExperimentDocument.From(result).ToUtf8();
        bool saved = Save(parsed, _output, "result", () => document);
        saved &= Save(parsed, _report, "report", () => HtmlReport.ToUtf8(ExperimentReport.From(result), MachineInfo.Program));
        if (result.Charts.Count > 0)
        {
            saved &= Save(parsed, _svg, "picture", () => SvgPicture.ToUtf8(result.Charts[0]));
        }
        else if (parsed.GetValue(_svg) is { } path)
        {
            StandardStreams.WriteError($"note: no picture was written to {path}, as there is no chart");
        }

        saved &= StandardStreams.TryShow(parsed.GetValue(_json), document, ExperimentText.Format(result), ResultFile.ReportFailure);
        return !saved ? ExitCode.Failed : result.Passed ? ExitCode.Success : ExitCode.Mismatch;
    }

    private bool Save(ParseResult parsed, Option<string> flag, string what, Func<byte[]> content) =>
        ResultFile.TryWrite(parsed.GetValue(flag), what, content, parsed.GetValue(_quiet), ResultFile.ReportFailure);

    private static int Refuse(params string[] problems)
    {
        foreach (string problem in problems)
        {
            ResultFile.ReportFailure(problem);
        }

        return ExitCode.Usage;
    }
}
