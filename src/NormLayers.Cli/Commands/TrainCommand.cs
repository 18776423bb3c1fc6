using System.CommandLine;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Lab;
using NormLayers.Cli.Output;
using NormLayers.Training;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers train</c>, and <c>normlayers</c> without a verb: trains once.</summary>
internal static class TrainCommand
{
    public const string Description = "Train a small classifier with batch, layer or no normalization.";

    public static IReadOnlyList<string> Examples { get; } =
    [
        "normlayers --mode layernorm --output results.json",
        "normlayers train --data digits --epochs 10 --learning-rate 0.1",
        "normlayers train --data csv --data-path wine.csv --set data.n_test=40 --json",
        "normlayers train --set training.optimizer=adam --set model.hidden_dims=[64,32]",
    ];

    public static Command Create(TrainOptions options)
    {
        Command command = new("train", Description);
        AddTo(command, options);
        return command;
    }

    public static void AddTo(Command command, TrainOptions options)
    {
        foreach (Option option in options.All)
        {
            command.Options.Add(option);
        }

        command.SetAction(parsed => Run(parsed, options));
    }

    private static int Run(ParseResult parsed, TrainOptions options)
    {
        List<Diagnostic> errors = [];
        string? outputPath = parsed.GetValue(options.Output);
        string? configPath = parsed.GetValue(options.Config);
        Settings settings = SettingsReader.Read(configPath, options.Given(parsed), parsed.GetValue(options.Set) ?? [], errors);
        OutputRules.Check(settings, configPath, outputPath, errors);
        List<string> notes = [.. new SettingRules(settings, errors).FindUnused()];
        RunSeeds seeds = RunSeeds.From(settings.Get(Keys.Seed));
        if (errors.Count > 0 || TrainingData.Load(settings, seeds.Data, notes, errors) is not { } data)
        {
            return Report(errors);
        }

        bool quiet = parsed.GetValue(options.Quiet);
        if (parsed.GetValue(GlobalOptions.Verbose))
        {
            Console.Error.WriteLine(settings.Describe());
        }

        using ILoggerFactory logs = RunLog.Open(settings.Get(Keys.LogFile), settings.Get(Keys.LogLevel));
        RunLogger log = new(logs.CreateLogger("normlayers"));
        log.Start(settings, notes);
        if (!quiet)
        {
            notes.ForEach(note => Console.Error.WriteLine("note: " + note));
        }

        Progress progress = Progress.Create(
            quiet || parsed.GetValue(options.NoProgress), GlobalOptions.UsesColor(parsed), settings.GetInt(Keys.Epochs), TrialRunner.CountSteps(settings));
        using Interruption interruption = new();
        TrainingRun run = TrainingRun.Execute(settings, seeds, data, progress, log, interruption.Token);
        log.End(run.Result);
        byte[] document = run.ToDocument().ToUtf8();
        bool saved = TrySave(outputPath, document, quiet, log);
        if (parsed.GetValue(options.Json))
        {
            using Stream stdout = Console.OpenStandardOutput();
            stdout.Write(document);
        }
        else
        {
            Console.Out.WriteLine(run.ToTable());
        }

        if (run.Result.Divergence is { } divergence)
        {
            Console.Error.WriteLine("diverged: " + divergence.Message);
        }

        return run.Result.Status switch
        {
            TrainingStatus.Cancelled => interruption.ExitCode,
            TrainingStatus.Completed when saved => ExitCode.Success,
            _ => ExitCode.Failed,
        };
    }

    private static bool TrySave(string? path, byte[] document, bool quiet, RunLogger log)
    {
        if (path is null)
        {
            return true;
        }

        try
        {
            AtomicFile.Write(path, document);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string message = $"could not write the results: {e.Message}";
            log.Error(message);
            Console.Error.WriteLine("error: " + message);
            return false;
        }

        if (!quiet)
        {
            Console.Error.WriteLine($"results written to {path}");
        }

        return true;
    }

    private static int Report(List<Diagnostic> errors)
    {
        StringBuilder text = new();
        foreach (Diagnostic error in errors.OrderBy(e => e.Origin.Source).ThenBy(e => e.Origin.Excerpt?.Line).ThenBy(e => e.Origin.Excerpt?.Column))
        {
            text.AppendLine(error.ToString());
        }

        text.Append(CultureInfo.InvariantCulture, $"{errors.Count} error{(errors.Count == 1 ? string.Empty : "s")}; nothing was run.");
        Console.Error.WriteLine(text);
        return ExitCode.Usage;
    }
}
