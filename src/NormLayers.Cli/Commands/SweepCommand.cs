using System.CommandLine;
using System.Globalization;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers sweep</c>: trains at every point of a grid, and maps what trains, stalls and diverges.</summary>
internal sealed class SweepCommand
{
    private const string DefaultModes = "none,batchnorm,layernorm";
    private const string DefaultRates = "0.001:10:log9";

    private readonly TrainOptions _options = new([.. SweepAxisKind.All.Select(a => a.Key).OfType<Key>(), Keys.ProbeInterval]);
    private readonly SeedsOption _seeds = new(SweepKeys.DefaultSeeds);
    private readonly Dictionary<string, Option<string>> _axes = SweepAxisKind.All.ToDictionary(
        a => a.Name, a => new Option<string>(a.Flag) { Description = a.Description, HelpName = "grid" });

    private readonly Option<string> _folder = new("--folder") { Description = "Keep a file of each trial here, and go on from those that are there.", HelpName = "folder" };
    private readonly Option<string> _shard = new("--shard") { Description = "Run only the i-th of n parts of the trials, into --folder.", HelpName = "i/n" };

    public static IReadOnlyList<string> Examples { get; } =
    [
        "normlayers sweep",
        "normlayers sweep --report sweep.html",
        "normlayers sweep --learning-rate 0.001:10:log9 --batch-size 8,32,128 --folder sweep --output sweep.json",
        "normlayers sweep --mode none,batchnorm --depth 1:20:lin5 --init-scale 0.1:10:log5 --seeds 3",
        "normlayers sweep --folder sweep --shard 1/4",
    ];

    public Command Create()
    {
        Command command = new("sweep", "Train at every point of a grid, and map what trains, stalls and diverges.");
        foreach (Option option in (Option[])[.. _axes.Values, _seeds.Option, _folder, _shard, .. _options.All, .. _options.Reporting, _options.TensorBoard])
        {
            command.Options.Add(option);
        }

        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        List<Diagnostic> gridErrors = [];
        List<string> gridNotes = [];
        SettingsGrid grid = new([]);
        (int part, int parts) = ReadShard(parsed, gridErrors);
        string? folder = parsed.GetValue(_folder);
        IReadOnlyList<long> seeds = [];
        using RunSession? session = RunSession.Open(parsed, _options, [], Check, FirstCell, (_folder.Name, folder), CheckWithData);
        if (session is null)
        {
            return ExitCode.Usage;
        }

        gridNotes.ForEach(session.Note);
        try
        {
            SweepRun sweep = new(session, grid, seeds, folder, parsed.GetValue(_options.TensorBoard));
            int present = sweep.LoadSaved();
            if (present > 0)
            {
                session.Note(string.Create(CultureInfo.InvariantCulture, $"{present} trials are in '{folder}' already"));
            }

            bool done = sweep.Run(part, parts);
            SweepResult result = sweep.ToResult();
            SweepDocument document = SweepDocument.From(result, session.Settings, grid);
            bool saved = sweep.BoardSaved & session.Publish(document.ToUtf8(), SweepTable.Format(result), () => SweepReport.From(result, document.Config));
            return !done ? session.InterruptedCode : saved && !result.AllDiverged ? ExitCode.Success : ExitCode.Failed;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            session.ReportFailure(folder is null ? e.Message : $"{e.Message}. The trials that were done are kept in '{folder}'; run the same again to go on");
            return ExitCode.Failed;
        }

        // What the cells share is checked with the values of the first cell: the configuration's own are not trained with.
        IEnumerable<Assignment> FirstCell(Settings settings)
        {
            grid = ReadGrid(parsed, settings, gridNotes, gridErrors);
            settings.Modes = [.. grid.Axes.Where(a => a.Kind.Key == Keys.Mode).SelectMany(a => a.Values).Select(NormalizationKind.Find).OfType<NormalizationKind>()];
            return gridErrors.Count > 0 ? [] : grid.Axes.Where(a => a.Kind.Key is not null)
                .Select(a => new Assignment(a.Kind.Key!, new ScalarNode(a.Origin, a.Values[0], IsPlain: true), a.Origin));
        }

        void Check(Settings settings, List<Diagnostic> errors)
        {
            errors.AddRange(gridErrors);
            seeds = _seeds.Read(parsed, settings, errors, settings.Get(SweepKeys.Seeds));
            CheckCells(grid, settings, seeds.Count, errors);
        }

        void CheckWithData(Settings settings, SeedData data, List<Diagnostic> errors) => CheckCells(grid, settings, seeds.Count, errors, data.TrainCount);
    }

    // An axis is given by its flag, or else by the configuration; without any there is the classic picture.
    private SettingsGrid ReadGrid(ParseResult parsed, Settings settings, List<string> notes, List<Diagnostic> errors)
    {
        List<GridAxis> axes = [];
        bool bare = SweepAxisKind.All.All(a => a.Key == Keys.Mode || (parsed.GetValue(_axes[a.Name]) is null && settings.Get(a.Grid) is null));
        foreach (SweepAxisKind kind in SweepAxisKind.All)
        {
            string? text = parsed.GetValue(_axes[kind.Name]);
            if (text is null && settings.Get(kind.Grid) is { } configured)
            {
                Add(kind, configured, settings.OriginOf(kind.Grid));
                continue;
            }

            text ??= kind.Key == Keys.Mode ? DefaultModes : kind.Key == Keys.LearningRate && bare ? DefaultRates : null;
            if (text is null)
            {
                continue;
            }

            Origin origin = Origin.Flag(kind.Flag);
            if (GridExpression.Parse(text, kind.Whole, out IReadOnlyList<string> values) is { } error)
            {
                errors.Add(new Diagnostic(origin, error));
            }
            else
            {
                Add(kind, values, origin);
            }
        }

        return new SettingsGrid(axes);

        void Add(SweepAxisKind kind, IReadOnlyList<string> values, Origin origin)
        {
            GridAxis axis = GridAxis.Create(kind, values, origin);
            axes.Add(axis);
            if (axis.Values.Count < values.Count)
            {
                notes.Add(FormattableString.Invariant($"{kind.Name}: {values.Count} values are {axis.Values.Count}, as equal ones count once"));
            }
        }
    }

    private (int Part, int Parts) ReadShard(ParseResult parsed, List<Diagnostic> errors)
    {
        if (parsed.GetValue(_shard) is not { } text)
        {
            return (1, 1);
        }

        string[] numbers = text.Split('/');
        bool read = numbers.Length == 2
            & int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int part)
            & int.TryParse(numbers[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int parts);
        if (!read || part < 1 || part > parts)
        {
            errors.Add(new Diagnostic(Origin.Flag(_shard.Name), $"expected i/n with i from 1 to n, as in 1/4, got '{text}'"));
        }
        else if (parsed.GetValue(_folder) is null)
        {
            errors.Add(new Diagnostic(Origin.Flag(_shard.Name), $"a part of a sweep needs {_folder.Name}, where the parts come together"));
        }

        return (part, parts);
    }

    private static void CheckCells(SettingsGrid grid, Settings settings, int seeds, List<Diagnostic> errors, long? samples = null)
    {
        if (grid.Count * seeds > SettingsGrid.MostTrials)
        {
            errors.Add(new Diagnostic(
                Origin.Flag("--seeds"), FormattableString.Invariant($"{grid.Count} cells of {seeds} seeds are more than {SettingsGrid.MostTrials} trials")));
            return;
        }

        foreach (IReadOnlyList<string> values in grid.Cells())
        {
            int before = errors.Count;
            Settings cell = grid.Apply(settings, values, errors);
            List<Diagnostic> found = [];
            if (errors.Count == before && samples is { } count)
            {
                new SettingRules(cell, found).CheckBatches(count);
            }
            else if (errors.Count == before)
            {
                new SettingRules(cell, found).Check();
            }

            errors.AddRange(found.Except(errors));
        }
    }
}
