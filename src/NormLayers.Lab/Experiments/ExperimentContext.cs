using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;

namespace NormLayers.Lab.Experiments;

/// <summary>What an experiment is run with.</summary>
/// <param name="Seed">The seed of all its random numbers.</param>
/// <param name="Full">Whether to run the paper's length instead of the default one.</param>
/// <param name="CancellationToken">Asks it to stop.</param>
public sealed record ExperimentContext(ulong Seed = ExperimentContext.DefaultSeed, bool Full = false, CancellationToken CancellationToken = default)
{
    /// <summary>The seed that the recorded states belong to.</summary>
    public const int DefaultSeed = 1;

    /// <summary>The images, for experiments that use some.</summary>
    public ImageData Images
    {
        get => field ?? throw new InvalidOperationException("The experiment needs images: set ExperimentContext.Images, as ImageData.Load gives them.");
        init;
    }

    /// <summary>Who is told how far it is; may be null.</summary>
    public ITrialsObserver? Observer { get; init; }

    /// <summary>Runs independent trials on all cores and tells the observer how far they are.</summary>
    /// <param name="trials">What to run.</param>
    /// <param name="steps">How many steps a trial takes, or how much work it is in any other unit.</param>
    /// <param name="run">Runs one trial, on one thread; may tell the observer of its epochs.</param>
    /// <param name="columns">What a trial measures, as far as a few numbers tell it.</param>
    /// <param name="row">These numbers; shown where the experiment is stopped before it can be judged.</param>
    /// <returns>The results in the order of the trials.</returns>
    /// <exception cref="ExperimentStoppedException">It was asked to stop; has the trials that were done.</exception>
    public IReadOnlyList<TResult> RunAll<TTrial, TResult>(
        IReadOnlyList<TTrial> trials,
        Func<TTrial, long> steps,
        Func<TTrial, ITrainingObserver, TResult> run,
        IReadOnlyList<string> columns,
        Func<TTrial, TResult, ExperimentRow> row)
        where TResult : class
    {
        ArgumentNullException.ThrowIfNull(trials);
        ArgumentNullException.ThrowIfNull(steps);
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(columns);
        ArgumentNullException.ThrowIfNull(row);
        Observer?.OnStart(trials.Count, trials.Sum(steps));
        TResult?[] results = ParallelTrials.Run(trials, RunOne, CancellationToken);
        if (!CancellationToken.IsCancellationRequested)
        {
            return results!;
        }

        ExperimentRow[] done = [.. trials.Zip(results).Where(p => p.Second is not null).Select(p => row(p.First, p.Second!))];
        throw new ExperimentStoppedException(new ExperimentTable(columns, done), trials.Count);

        TResult? RunOne(TTrial trial)
        {
            try
            {
                return ParallelTrials.Watch(Observer, steps(trial), observer => run(trial, observer));
            }
            catch (OperationCanceledException) when (CancellationToken.IsCancellationRequested)
            {
                return null;
            }
        }
    }
}
