namespace NormLayers.Cli.Experiments;

/// <summary>What an experiment measured and what follows from it.</summary>
internal sealed record ExperimentResult(
    string Name, string Paper, string Claim, ulong Seed, string Verdict, string Words,
    ExperimentTable Table, IReadOnlyList<Assertion> Assertions, IReadOnlyList<Curve> Curves)
{
    public bool Passed => Assertions.All(a => a.Passed);

    public static ExperimentResult From(
        IExperiment experiment, ulong seed, string words, ExperimentTable table, IReadOnlyList<Assertion> assertions, IReadOnlyList<Curve> curves)
    {
        string verdict = !assertions.All(a => a.Passed) ? "not reproduced here"
            : experiment.Exact ? "reproduced"
            : "reproduced as an analogue";
        return new(experiment.Name, experiment.Paper, experiment.Claim, seed, verdict, words, table, assertions, curves);
    }
}

/// <summary>Numbers with names for their columns and rows.</summary>
internal sealed record ExperimentTable(IReadOnlyList<string> Columns, IReadOnlyList<ExperimentRow> Rows);

/// <summary>One row of numbers.</summary>
internal sealed record ExperimentRow(string Name, IReadOnlyList<double> Values);

/// <summary>The points of one line of a chart.</summary>
internal sealed record Curve(string Chart, string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y, bool LogarithmicY);

/// <summary>A measured value that must lie within bounds, both included.</summary>
internal sealed record Assertion(string What, double Measured, double Low, double High)
{
    public bool Passed => Measured >= Low && Measured <= High;

    /// <summary>How far the value is from the nearer bound; negative beyond it.</summary>
    public double Margin => Math.Min(Measured - Low, High - Measured);
}
