using OxyPlot;

namespace NormLayers.Lab.Charts;

/// <summary>Values over a grid of named rows and columns, as how well trainings went over two settings.</summary>
public sealed record HeatMap : Chart
{
    private const string NoValue = "#A0A6AD";
    private static readonly string[] _colors = [.. OxyPalettes.Cividis(256).Colors.Select(c => $"#{c.R:X2}{c.G:X2}{c.B:X2}")];

    /// <summary>What the colours stand for.</summary>
    public required string ValueTitle { get; init; }

    /// <summary>The value of each cell, by row (a label of Y) and column (a label of X); what is not finite is grey.</summary>
    public required IReadOnlyList<IReadOnlyList<double>> Values { get; init; }

    /// <summary>A mark in each cell that tells what colour alone would not, as "✕" for diverged; empty for none.</summary>
    public required IReadOnlyList<IReadOnlyList<string>> Marks { get; init; }

    /// <summary>What each cell says when it is pointed at, and in the table.</summary>
    public required IReadOnlyList<IReadOnlyList<string>> Details { get; init; }

    /// <summary>What the darkest colour means.</summary>
    public double Minimum { get; init; }

    /// <summary>What the lightest colour means.</summary>
    public double Maximum { get; init; } = 1;

    /// <summary>The row and the column of each cell.</summary>
    internal IEnumerable<(int Row, int Column)> Cells =>
        from row in Enumerable.Range(0, Values.Count)
        from column in Enumerable.Range(0, Values[row].Count)
        select (row, column);

    /// <summary>The colour of a value, as #RRGGBB: cividis, which every colour vision sees alike; grey for what is not finite.</summary>
    internal string ColorOf(double value) => double.IsFinite(value) ? _colors[(int)(ShareOf(value) * (_colors.Length - 1))] : NoValue;

    /// <summary>The colour of a mark on the colour of a value.</summary>
    internal string InkOf(double value) => double.IsFinite(value) && ShareOf(value) < 0.5 ? "#FFFFFF" : "#000000";

    private double ShareOf(double value) => Math.Clamp((value - Minimum) / (Maximum - Minimum), 0, 1);

    /// <summary>One row a cell.</summary>
    public override Table ToTable() => new(
        [Y.Title, X.Title, ValueTitle, "what happened"],
        [.. Cells.Select(c => (string[])[Y.NameOf(c.Row), X.NameOf(c.Column), Table.Number(Values[c.Row][c.Column]), Details[c.Row][c.Column]])]);
}
