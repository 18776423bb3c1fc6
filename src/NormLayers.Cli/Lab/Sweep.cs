using NormLayers.Cli.Commands;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Lab.Training;

namespace NormLayers.Cli.Lab;

/// <summary>The trials of a grid: those that are done, and those that are still to do.</summary>
internal sealed class Sweep
{
    private readonly Settings _settings;
    private readonly SweepGrid _grid;
    private readonly IReadOnlyList<long> _seeds;
    private readonly DataSummary _data;
    private readonly string? _folder;
    private readonly List<IReadOnlyList<string>> _cells;
    private readonly List<Settings> _trials = [];
    private readonly Dictionary<string, TrialFile> _done = [];

    /// <summary>Lays out the trials, seed by seed, so that only the data of the few seeds at work is in memory.</summary>
    /// <param name="settings">What the trials share.</param>
    /// <param name="grid">What differs, checked.</param>
    /// <param name="seeds">The seeds of each cell.</param>
    /// <param name="data">What the trials are run on.</param>
    /// <param name="folder">Where each trial's file is kept; null keeps none.</param>
    public Sweep(Settings settings, SweepGrid grid, IReadOnlyList<long> seeds, DataSummary data, string? folder)
    {
        (_settings, _grid, _seeds, _data, _folder) = (settings, grid, seeds, data, folder);
        _cells = [.. grid.Cells()];
        foreach (long seed in seeds)
        {
            foreach (IReadOnlyList<string> cell in _cells)
            {
                Settings trial = grid.Apply(settings, cell, []);
                trial.Resolve(Keys.Seed, seed);
                _trials.Add(trial);
            }
        }
    }

    /// <summary>Reads the trials that an earlier run has left.</summary>
    /// <returns>How many there are.</returns>
    /// <exception cref="InvalidDataException">One cannot be read.</exception>
    public int LoadSaved()
    {
        foreach (Settings trial in _folder is null ? [] : _trials)
        {
            string name = NameOf(trial);
            string path = Path.Combine(_folder!, name);
            if (File.Exists(path))
            {
                _done[name] = TrialFile.Read(path, trial, _data.Hash);
            }
        }

        return _done.Count;
    }

    /// <summary>Runs what is missing of one part of the trials; each is saved as soon as it is done.</summary>
    /// <param name="session">Data, log, progress and the request to stop.</param>
    /// <param name="part">The part, counted from 1.</param>
    /// <param name="parts">Into how many parts the trials are dealt out.</param>
    /// <returns>Whether the part is complete; otherwise it was asked to stop.</returns>
    /// <exception cref="IOException">A trial could not be saved; the others are.</exception>
    public bool Run(RunSession session, int part, int parts)
    {
        List<Settings> missing = [.. _trials.Where((t, i) => i % parts == part - 1 && !_done.ContainsKey(NameOf(t)))];
        TrialsProgress progress = new(session.ShowsNoProgress, session.Color, missing.Count, missing.Sum(TrialRunner.CountSteps));
        session.Data.RunAll(missing, progress, Keep, session.Cancellation, everyEpoch: false);
        return missing.TrueForAll(t => _done.ContainsKey(NameOf(t)));

        void Keep(TrialResult trial)
        {
            session.Log.Trial(trial);
            if (trial.Result.Status == TrainingStatus.Cancelled)
            {
                return;
            }

            string name = NameOf(trial.Settings);
            TrialFile file = TrialFile.From(trial, _data.Hash);
            if (_folder is not null)
            {
                AtomicFile.Write(Path.Combine(_folder, name), file.ToUtf8());
            }

            lock (_done)
            {
                _done[name] = file;
            }
        }
    }

    public SweepResult ToResult() => new(_settings, _grid, _seeds, _data, [.. _cells.Select((values, c) => new SweepCell(
        values, [.. Enumerable.Range(0, _seeds.Count).Select(s => _done.GetValueOrDefault(NameOf(_trials[s * _cells.Count + c])))]))]);

    private string NameOf(Settings trial) => TrialFile.NameOf(trial, _data.Hash);
}
