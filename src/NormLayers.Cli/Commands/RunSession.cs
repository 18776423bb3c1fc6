using System.CommandLine;
using Microsoft.Extensions.Logging;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Commands;

/// <summary>What every training verb does before and after it trains: settings, data and log; results and errors.</summary>
internal sealed class RunSession : IDisposable
{
    private const int MostErrors = 25;

    private readonly ParseResult _parsed;
    private readonly TrainOptions _options;
    private readonly ILoggerFactory _logs;
    private readonly Interruption _interruption = new();
    private bool _keepsFiles;

    private RunSession(ParseResult parsed, TrainOptions options, Settings settings, SeedData data)
    {
        (_parsed, _options, Settings, Data) = (parsed, options, settings, data);
        _logs = RunLog.Open(settings.Get(Keys.LogFile), settings.Get(Keys.LogLevel));
        Log = new RunLogger(_logs.CreateLogger("normlayers"));
    }

    public Settings Settings { get; }

    public SeedData Data { get; }

    public RunLogger Log { get; }

    public CancellationToken Cancellation => _interruption.Token;

    /// <summary>The exit code that says which signal asked to stop.</summary>
    public int InterruptedCode => _interruption.ExitCode;

    public bool ShowsNoProgress => Quiet || _parsed.GetValue(_options.NoProgress);

    public bool Color => GlobalOptions.UsesColor(_parsed);

    private bool Quiet => _parsed.GetValue(_options.Quiet);

    /// <summary>Reads the settings and the data and opens the log, or reports all that is wrong.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="options">Its flags.</param>
    /// <param name="further">Flags of the verb's own that stand for a key, with their text.</param>
    /// <param name="check">Adds what the verb finds wrong with the settings.</param>
    /// <param name="late">What the verb makes of the settings; null for nothing.</param>
    /// <param name="folder">The flag and the folder of the trials' files; null for verbs that keep none.</param>
    /// <param name="checkWithData">Adds what the verb finds wrong once the data are read; null for nothing.</param>
    /// <returns>The session; null after errors.</returns>
    public static RunSession? Open(
        ParseResult parsed,
        TrainOptions options,
        IEnumerable<(string Flag, Key Key, string Text)> further,
        Action<Settings, List<Diagnostic>> check,
        Func<Settings, IEnumerable<Assignment>>? late = null,
        (string Flag, string? Path)? folder = null,
        Action<Settings, SeedData, List<Diagnostic>>? checkWithData = null)
    {
        List<Diagnostic> errors = [];
        string? configPath = parsed.GetValue(options.Config);
        Settings settings = SettingsReader.Read(configPath, [.. options.Given(parsed), .. further], parsed.GetValue(options.Set) ?? [], errors, late);
        OutputRules.Check(
            settings,
            configPath,
            ((Option<string>[])[options.Checkpoint, options.Output, options.Report, options.Svg, options.Save]).Select(o => (o.Name, parsed.GetValue(o))),
            [(options.TensorBoard.Name, parsed.GetValue(options.TensorBoard)), .. folder is { } own ? [own] : Array.Empty<(string, string?)>()],
            errors,
            parsed.GetValue(options.Resume));
        List<string> notes = [.. new SettingRules(settings, errors).FindUnused()];
        if (Directory.Exists(EnvironmentSettings.FileName))
        {
            notes.Add($"'{EnvironmentSettings.FileName}' is a folder and is passed over");
        }

        check(settings, errors);
        SeedData? data = errors.Count > 0 ? null : new TrainingData(settings, notes, errors).Load();
        if (data is not null)
        {
            checkWithData?.Invoke(settings, data, errors);
        }

        if (data is null || errors.Count > 0)
        {
            Report(errors);
            return null;
        }

        if (parsed.GetValue(GlobalOptions.Verbose))
        {
            foreach (string setting in settings.Describe())
            {
                StandardStreams.WriteError(setting);
            }
        }

        RunSession session = new(parsed, options, settings, data);
        session.Log.Start(settings, notes);
        notes.ForEach(session.Note);
        return session;
    }

    /// <summary>Writes the results to <c>--output</c>, <c>--report</c> and <c>--svg</c> where they are given, and to standard output.</summary>
    /// <param name="document">The results as JSON.</param>
    /// <param name="table">The results for people.</param>
    /// <param name="report">Makes the report; null for verbs that have none.</param>
    /// <returns>Whether each requested file was written, and the result shown.</returns>
    public bool Publish(byte[] document, string table, Func<LabReport>? report = null)
    {
        bool saved = TrySave(_options.Output, "results", () => document);
        if (report is not null)
        {
            saved &= TrySave(_options.Report, "report", () => HtmlReport.ToUtf8(report(), MachineInfo.Program));
            saved &= TrySave(_options.Svg, "picture", () => SvgPicture.ToUtf8(report().Charts[0]));
        }

        return StandardStreams.TryShow(_parsed.GetValue(_options.Json), document, table, ReportFailure) && saved;
    }

    public bool IsGiven(Option<string> flag) => _parsed.GetValue(flag) is not null;

    /// <summary>Tells the user what is worth knowing, unless it is to be quiet.</summary>
    public void Note(string text)
    {
        if (!Quiet)
        {
            StandardStreams.WriteError("note: " + text);
        }
    }

    /// <summary>Tells the user and the log what failed.</summary>
    public void ReportFailure(string message)
    {
        Log.Error(message);
        StandardStreams.WriteError("error: " + message);
    }

    public void Dispose()
    {
        _interruption.Dispose();
        _logs.Dispose();
    }

    /// <summary>Leaves the files of flags as they are: an untrained network is worth less than what they may hold.</summary>
    /// <param name="why">What happened, for the user.</param>
    public void KeepFiles(string why)
    {
        _keepsFiles = true;
        foreach (Option<string> flag in ((Option<string>[])[_options.Checkpoint, _options.Save, _options.TensorBoard, _options.Output, _options.Report, _options.Svg]).Where(IsGiven))
        {
            Note($"{why}: the file of {flag.Name} is not written");
        }
    }

    /// <summary>Writes the file of one flag, if it is given.</summary>
    public bool TrySave(Option<string> flag, string what, Func<byte[]> content) =>
        _keepsFiles || ResultFile.TryWrite(_parsed.GetValue(flag), what, content, Quiet, ReportFailure);

    /// <summary>Tells the user all that is wrong, and that nothing was run.</summary>
    public static void Report(List<Diagnostic> errors)
    {
        Diagnostic[] sorted = [.. errors.OrderBy(e => e.Origin.Source).ThenBy(e => e.Origin.Excerpt?.Line).ThenBy(e => e.Origin.Excerpt?.Column)];
        foreach (Diagnostic error in sorted.Take(MostErrors))
        {
            Console.Error.WriteLine(error);
        }

        string rest = sorted.Length > MostErrors ? FormattableString.Invariant($"{sorted.Length - MostErrors} more are not shown. ") : string.Empty;
        StandardStreams.WriteError(FormattableString.Invariant($"{rest}{errors.Count} error{(errors.Count == 1 ? string.Empty : "s")}; nothing was run."));
    }
}
