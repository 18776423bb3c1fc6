using NormLayers.Lab.Charts;

namespace NormLayers.Cli.Experiments;

/// <summary>What an experiment measured and what follows from it.</summary>
internal sealed record ExperimentResult
{
    public required string Name { get; init; }

    public required string Paper { get; init; }

    public required string Claim { get; init; }

    public required ulong Seed { get; init; }

    public required bool Full { get; init; }

    /// <summary>The images it was run on; null if it uses none.</summary>
    public required ImageData? Images { get; init; }

    public required string Verdict { get; init; }

    /// <summary>What was seen, in paragraphs.</summary>
    public required IReadOnlyList<string> Words { get; init; }

    public required ExperimentTable Table { get; init; }

    public required IReadOnlyList<Assertion> Assertions { get; init; }

    public required IReadOnlyList<Chart> Charts { get; init; }

    public bool Passed => Assertions.All(a => a.Passed);

    /// <summary>What an experiment that was asked to stop had done: numbers without a verdict.</summary>
    public static ExperimentResult Stopped(IExperiment experiment, ExperimentContext context, OperationCanceledException stop)
    {
        ExperimentStoppedException? stopped = stop as ExperimentStoppedException;
        return From(
            experiment, context, [stopped?.Message ?? "Stopped before a trial was done: nothing was judged."], stopped?.Done ?? new([], []), [], []) with
        {
            Verdict = "interrupted",
        };
    }

    /// <summary>Judges what was measured: on the shipped digits, even the paper's own setting is an analogue.</summary>
    public static ExperimentResult From(
        IExperiment experiment,
        ExperimentContext context,
        IReadOnlyList<string> words,
        ExperimentTable table,
        IReadOnlyList<Assertion> assertions,
        IReadOnlyList<Chart> charts)
    {
        ImageData? images = experiment.UsesImages ? context.Images : null;
        return new ExperimentResult
        {
            Name = experiment.Name,
            Paper = experiment.Paper,
            Claim = experiment.Claim,
            Seed = context.Seed,
            Full = context.Full,
            Images = images,
            Verdict = !assertions.All(a => a.Passed) ? "not reproduced here"
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

/// <summary>Numbers with names for their columns and rows.</summary>
internal sealed record ExperimentTable(IReadOnlyList<string> Columns, IReadOnlyList<ExperimentRow> Rows);

/// <summary>One row of numbers.</summary>
internal sealed record ExperimentRow(string Name, IReadOnlyList<double> Values);

/// <summary>A measured value that must lie within bounds, both included.</summary>
internal sealed record Assertion(string What, double Measured, double Low, double High)
{
    public bool Passed => Measured >= Low && Measured <= High;

    /// <summary>How far the value is from the nearer bound; negative beyond it.</summary>
    public double Margin => Math.Min(Measured - Low, High - Measured);
}
