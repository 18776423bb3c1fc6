using NormLayers.Lab.Training;

namespace NormLayers.Lab.Trials;

/// <summary>The trials of a grid: those that are done, and those that are still to do.</summary>
public sealed class Sweep
{
    private readonly SweepGrid _grid;
    private readonly IReadOnlyList<long> _seeds;
    private readonly SeedData _data;
    private readonly TrialSummary?[] _done;

    /// <summary>Lays out the trials, seed by seed, so that only the data of the few seeds at work is in memory.</summary>
    /// <param name="grid">The points.</param>
    /// <param name="seeds">The seeds of each point, at least one, each once.</param>
    /// <param name="data">The data of each seed.</param>
    /// <exception cref="ArgumentException">No seed, or one given twice.</exception>
    public Sweep(SweepGrid grid, IReadOnlyList<long> seeds, SeedData data)
    {
        ArgumentNullException.ThrowIfNull(grid);
        ArgumentNullException.ThrowIfNull(seeds);
        ArgumentNullException.ThrowIfNull(data);
        Comparison.CheckDistinct(seeds, 1, nameof(seeds));
        (_grid, _seeds, _data) = (grid, seeds, data);
        Trials = [.. from seed in seeds from point in grid.Points select point.Options with { Seed = seed }];
        _done = new TrialSummary?[Trials.Count];
    }

    /// <summary>All trials: seed by seed, the points in their order. A <see cref="TrialResult"/> holds the same instance.</summary>
    public IReadOnlyList<TrialOptions> Trials { get; }

    /// <summary>Adds a trial that an earlier run has left; it is not run again.</summary>
    /// <param name="trial">Its place in <see cref="Trials"/>.</param>
    /// <param name="summary">What it came to.</param>
    /// <exception cref="ArgumentException">It is of another seed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such trial.</exception>
    public void Add(int trial, TrialSummary summary)
    {
        ArgumentNullException.ThrowIfNull(summary);
        if ((uint)trial >= (uint)_done.Length)
        {
            Throw.OutOfRange(nameof(trial), $"a place from 0 to {_done.Length - 1}", trial);
        }

        if (summary.Seed != Trials[trial].Seed)
        {
            Throw.Argument(nameof(summary), $"a trial of seed {Trials[trial].Seed}", $"one of seed {summary.Seed}");
        }

        _done[trial] = summary;
    }

    /// <summary>Runs what is missing of one part of the trials, a trial a core.</summary>
    /// <param name="observer">Who is told of the trials, and may keep each as it ends; may be null.</param>
    /// <param name="part">The part, counted from 1.</param>
    /// <param name="parts">Into how many parts the trials are dealt out.</param>
    /// <param name="cancellationToken">Ends the running trials after their step, and starts no further one.</param>
    /// <returns>Whether the part is complete; otherwise it was cancelled.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The part is not one of the parts.</exception>
    public bool Run(ITrialsObserver? observer = null, int part = 1, int parts = 1, CancellationToken cancellationToken = default)
    {
        Throw.IfNotPositive(parts, nameof(parts));
        if (part < 1 || part > parts)
        {
            Throw.OutOfRange(nameof(part), $"a part from 1 to {parts}", part);
        }

        int[] missing = [.. Enumerable.Range(0, Trials.Count).Where(i => i % parts == part - 1 && _done[i] is null)];
        _data.RunAll([.. missing.Select(i => Trials[i])], everyEpoch: false, observer, Keep, cancellationToken);
        return Array.TrueForAll(missing, i => _done[i] is not null);

        void Keep(int index, TrialResult trial)
        {
            if (trial.Result.Status != TrainingStatus.Cancelled)
            {
                _done[missing[index]] = TrialSummary.Of(trial, _data.Summary);
            }
        }
    }

    /// <summary>What it has come to so far.</summary>
    public SweepResult ToResult() => new(_grid, _seeds, _data.Summary, [.. _grid.Points.Select((point, p) => new SweepCell(
        point.Values, [.. Enumerable.Range(0, _seeds.Count).Select(s => _done[s * _grid.Points.Count + p])]))]);
}
