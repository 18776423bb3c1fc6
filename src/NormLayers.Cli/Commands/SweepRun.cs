using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;

namespace NormLayers.Cli.Commands;

/// <summary>A sweep of settings, with a folder that keeps a file of each trial.</summary>
internal sealed class SweepRun
{
    private readonly RunSession _session;
    private readonly string? _folder;
    private readonly string? _board;
    private readonly Sweep _sweep;
    private readonly Dictionary<TrialOptions, Settings> _settings = new(ReferenceEqualityComparer.Instance);

    /// <summary>Lays out the trials.</summary>
    /// <param name="session">What the trials share, their data and log, and the request to stop.</param>
    /// <param name="grid">What differs, checked.</param>
    /// <param name="seeds">The seeds of each cell.</param>
    /// <param name="folder">Where each trial's file is kept; null keeps none.</param>
    /// <param name="board">Where each trial has a folder with its event file for TensorBoard; null for none.</param>
    public SweepRun(RunSession session, SettingsGrid grid, IReadOnlyList<long> seeds, string? folder, string? board)
    {
        (_session, _folder, _board) = (session, folder, board);
        _sweep = new Sweep(grid.ToSweepGrid(session.Settings), seeds, session.Data);
        IEnumerable<Settings> settings = seeds.SelectMany(_ => grid.Cells(), (seed, cell) =>
        {
            Settings trial = grid.Apply(session.Settings, cell, []);
            trial.Resolve(Keys.Seed, seed);
            return trial;
        });
        foreach ((TrialOptions trial, Settings its) in _sweep.Trials.Zip(settings))
        {
            _settings[trial] = its;
        }
    }

    private string? DataHash => _session.Data.Summary.Hash;

    /// <summary>Reads the trials that an earlier run has left.</summary>
    /// <returns>How many there are.</returns>
    /// <exception cref="InvalidDataException">One cannot be read.</exception>
    public int LoadSaved()
    {
        int found = 0;
        for (int i = 0; _folder is not null && i < _sweep.Trials.Count; i++)
        {
            Settings settings = _settings[_sweep.Trials[i]];
            if (PathOf(settings) is var path && File.Exists(path))
            {
                _sweep.Add(i, TrialFile.Read(path, settings, _session.Data.Summary));
                found++;
            }
        }

        return found;
    }

    /// <summary>Runs what is missing of one part of the trials; each is saved as soon as it is done.</summary>
    /// <param name="part">The part, counted from 1.</param>
    /// <param name="parts">Into how many parts the trials are dealt out.</param>
    /// <returns>Whether the part is complete; otherwise it was asked to stop.</returns>
    /// <exception cref="IOException">A trial could not be saved; the others are.</exception>
    public bool Run(int part, int parts)
    {
        TrialsProgress progress = new(_session.ShowsNoProgress, _session.Color, Keep);
        return progress.Run(() => _sweep.Run(progress, part, parts, _session.Cancellation));
    }

    /// <summary>Whether every event file was written.</summary>
    public bool BoardSaved { get; private set; } = true;

    public SweepResult ToResult() => _sweep.ToResult();

    private void Keep(TrialResult trial)
    {
        _session.Log.Trial(trial);
        if (_folder is not null && trial.Result.Status != TrainingStatus.Cancelled)
        {
            Settings settings = _settings[trial.Options];
            AtomicFile.Write(PathOf(settings), TrialFile.From(trial, settings, DataHash).ToUtf8());
        }

        if (_board is not null)
        {
            WriteEvents(_board, trial);
        }
    }

    private void WriteEvents(string board, TrialResult trial)
    {
        Settings settings = _settings[trial.Options];
        string name = $"{trial.Options.Normalization.Name}-{Path.GetFileNameWithoutExtension(TrialFile.NameOf(settings, DataHash))}";
        using TensorBoardLog log = new(Path.Combine(board, name), TrialFile.ConfigOf(settings), _session.ReportFailure);
        foreach (EpochMetrics epoch in trial.Result.History)
        {
            log.OnEpoch(epoch);
        }

        log.End(trial.Result);
        BoardSaved &= log.Saved;
    }

    private string PathOf(Settings settings) => Path.Combine(_folder!, TrialFile.NameOf(settings, DataHash));
}
