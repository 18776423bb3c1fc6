using System.CommandLine;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers train</c>, and <c>normlayers</c> without a verb: trains once.</summary>
internal static class TrainCommand
{
    private const int ProbesOfAReport = 60;

    public const string Description = "Train a small classifier with any normalization, or none.";

    public static IReadOnlyList<string> Examples { get; } =
    [
        "normlayers --mode layernorm --output results.json",
        "normlayers train --mode layernorm --report report.html",
        "normlayers train --probe 10 --output results.json",
        "normlayers train --data digits --epochs 10 --learning-rate 0.1 --save model.safetensors",
        "normlayers train --checkpoint run.checkpoint",
        "normlayers train --data csv --data-path wine.csv --set data.n_test=40 --json",
        "normlayers train --set training.optimizer=adam --set \"model.hidden_dims=[64,32]\"",
    ];

    public static Command Create(TrainOptions options)
    {
        Command command = new("train", Description);
        AddTo(command, options);
        return command;
    }

    public static void AddTo(Command command, TrainOptions options)
    {
        foreach (Option option in (Option[])[.. options.All, .. options.Keeping, .. options.Reporting])
        {
            command.Options.Add(option);
        }

        command.SetAction(parsed => Run(parsed, options));
    }

    private static int Run(ParseResult parsed, TrainOptions options)
    {
        long interval = 0;
        ModelOrigin? origin = null;
        RunCheckpoints? checkpoints = null;
        using RunSession? session = RunSession.Open(parsed, options, [], (_, errors) => interval = RunCheckpoints.ReadInterval(parsed, options, errors), checkWithData: Prepare);
        if (session is null)
        {
            return ExitCode.Usage;
        }

        Settings settings = session.Settings;
        DataSplit data = session.Data.Get(settings.Get(Keys.Seed));
        Progress progress = Progress.Create(session.ShowsNoProgress, session.Color, settings.GetInt(Keys.Epochs), settings.CountSteps());
        using TensorBoardLog board = new(parsed.GetValue(options.TensorBoard), origin!.Config, session.ReportFailure);
        TrainingRun run;
        try
        {
            run = TrainingRun.Execute(settings, data, progress, [session.Log, board], checkpoints!.Begin(session), session.Cancellation);
        }
        catch (InvalidDataException e)
        {
            session.ReportFailure($"cannot go on from '{parsed.GetValue(options.Resume)}': {e.Message}");
            return ExitCode.Usage;
        }

        session.Log.End(run.Result);
        board.End(run.Result);
        if (run.Result is { Status: TrainingStatus.Cancelled, Steps: 0 })
        {
            session.KeepFiles("stopped before the first step");
        }

        ResultDocument document = run.ToDocument(session.Data.Summary);
        bool saved = checkpoints.Saved & board.Saved & TrySaveModel(session, options, run, origin) & session.Publish(document.ToUtf8(), run.ToTable(), () => TrainReport.From(run.Trial, session.Data.Summary, document.Probes, document.Config));
        if (run.Result.Divergence is { } divergence)
        {
            StandardStreams.WriteError("diverged: " + divergence.Message);
        }

        bool isFinite = double.IsFinite(run.Result.Test.Loss);
        if (run.Result.Status == TrainingStatus.Completed && !isFinite)
        {
            StandardStreams.WriteError("the test loss is not finite: the network's output for some test samples is not");
        }

        return run.Result.Status switch
        {
            TrainingStatus.Cancelled => session.InterruptedCode,
            TrainingStatus.Completed when saved && isFinite => ExitCode.Success,
            _ => ExitCode.Failed,
        };

        void Prepare(Settings settings, SeedData data, List<Diagnostic> errors)
        {
            if (parsed.GetValue(options.Report) is not null && !settings.IsGiven(Keys.ProbeInterval))
            {
                settings.Resolve(Keys.ProbeInterval, (settings.CountSteps() + ProbesOfAReport - 1) / ProbesOfAReport);
            }

            origin = ModelOrigin.Of(settings, data.Summary, data.Get(settings.Get(Keys.Seed)));
            checkpoints = new RunCheckpoints(parsed, options, settings, origin, interval, errors);
        }
    }

    // A diverged network is of no use, and what an earlier run has saved may be.
    private static bool TrySaveModel(RunSession session, TrainOptions options, TrainingRun run, ModelOrigin origin)
    {
        if (run.Result.Status == TrainingStatus.Diverged)
        {
            if (session.IsGiven(options.Save))
            {
                session.ReportFailure("the model is not saved, because its training diverged");
            }

            return false;
        }

        return session.TrySave(options.Save, "model", () => ModelFile.ToBytes(run.Prepared.ToClassifier(), origin.EndedAs(run.Result)));
    }
}
