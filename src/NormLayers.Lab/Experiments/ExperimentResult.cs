using NormLayers.Lab.Charts;

namespace NormLayers.Lab.Experiments;

/// <summary>What an experiment measured and what follows from it.</summary>
public sealed record ExperimentResult
{
    /// <summary>The experiment's name.</summary>
    public required string Name { get; init; }

    /// <summary>The paper and where in it the claim is.</summary>
    public required string Paper { get; init; }

    /// <summary>The claim.</summary>
    public required string Claim { get; init; }

    /// <summary>The seed of all random numbers.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Whether the paper's length was run.</summary>
    public required bool Full { get; init; }

    /// <summary>The images it was run on; null if it uses none.</summary>
    public required ImageData? Images { get; init; }

    /// <summary>Whether the claim holds here.</summary>
    public required string Verdict { get; init; }

    /// <summary>What was seen, in paragraphs.</summary>
    public required IReadOnlyList<string> Words { get; init; }

    /// <summary>The numbers that were measured.</summary>
    public required ExperimentTable Table { get; init; }

    /// <summary>What must hold if the claim does.</summary>
    public required IReadOnlyList<Assertion> Assertions { get; init; }

    /// <summary>The charts, the most telling one first.</summary>
    public required IReadOnlyList<Chart> Charts { get; init; }

    /// <summary>Whether there are assertions, and every one holds.</summary>
    public bool Passed => Assertions.Count > 0 && Assertions.All(a => a.Passed);

    /// <summary>What an experiment that was asked to stop had done: numbers without a verdict.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="context">What it was run with.</param>
    /// <param name="stop">What <see cref="IExperiment.Run"/> threw.</param>
    public static ExperimentResult Stopped(IExperiment experiment, ExperimentContext context, OperationCanceledException stop)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(stop);
        ExperimentStoppedException? stopped = stop as ExperimentStoppedException;
        return From(
            experiment, context, [stopped?.Message ?? "Stopped before a trial was done: nothing was judged."], stopped?.Done ?? new([], []), [], []) with
        {
            Verdict = "interrupted",
        };
    }

    /// <summary>Judges what was measured: on the shipped digits, even the paper's own setting is an analogue.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="context">What it was run with.</param>
    /// <param name="words">What was seen, in paragraphs.</param>
    /// <param name="table">The numbers that were measured.</param>
    /// <param name="assertions">What must hold if the claim does.</param>
    /// <param name="charts">The charts, the most telling one first.</param>
    public static ExperimentResult From(
        IExperiment experiment,
        ExperimentContext context,
        IReadOnlyList<string> words,
        ExperimentTable table,
        IReadOnlyList<Assertion> assertions,
        IReadOnlyList<Chart> charts)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(words);
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(assertions);
        ArgumentNullException.ThrowIfNull(charts);
        ImageData? images = experiment.UsesImages ? context.Images : null;
        return new ExperimentResult
        {
            Name = experiment.Name,
            Paper = experiment.Paper,
            Claim = experiment.Claim,
            Seed = context.Seed,
            Full = context.Full,
            Images = images,
            Verdict = assertions.Count == 0 ? "not judged"
                : !assertions.All(a => a.Passed) ? "not reproduced here"
                : experiment.Exact && images is not { Shipped: true } ? "reproduced"
                : "reproduced as an analogue",
            Words = words,
            Table = table,
            Assertions = assertions,
            Charts = charts,
        };
    }

    /// <summary>What it was run on, and what to do for the paper's data; null if it uses no images.</summary>
    public string? DescribeData() => Images is null ? null
        : Images.Shipped ? $"Run on {Images.Source}, not on the paper's data. {ImageData.Advice}"
        : $"Run on the images in {Images.Source}. {string.Join(". ", Images.Notes)}.";
}
