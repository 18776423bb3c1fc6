namespace NormLayers.Cli.Report;

/// <summary>Values over a grid of named rows and columns, as how well trainings went over two settings.</summary>
internal sealed record HeatMap : Chart
{
    /// <summary>What the colours stand for.</summary>
    public required string ValueTitle { get; init; }

    /// <summary>The value of each cell, by row (a label of Y) and column (a label of X); what is not finite has no colour.</summary>
    public required IReadOnlyList<IReadOnlyList<double>> Values { get; init; }

    /// <summary>A mark in each cell that tells what colour alone would not, as "✕" for diverged; empty for none.</summary>
    public required IReadOnlyList<IReadOnlyList<string>> Marks { get; init; }

    /// <summary>What each cell says when it is pointed at, and in the table.</summary>
    public required IReadOnlyList<IReadOnlyList<string>> Details { get; init; }

    /// <summary>One row a cell.</summary>
    public override Table ToTable() => new(
        [Y.Title, X.Title, ValueTitle, "what happened"],
        [.. from row in Enumerable.Range(0, Values.Count)
            from column in Enumerable.Range(0, Values[row].Count)
            select (string[])[Y.NameOf(row), X.NameOf(column), Table.Number(Values[row][column]), Details[row][column]]]);
}
