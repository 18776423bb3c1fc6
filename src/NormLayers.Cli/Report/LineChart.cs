namespace NormLayers.Cli.Report;

/// <summary>Curves, or points with intervals, over a common axis.</summary>
internal sealed record LineChart : Chart
{
    public required IReadOnlyList<Series> Series { get; init; }

    /// <summary>A value to compare the curves with; null if there is none.</summary>
    public Guide? Guide { get; init; }

    /// <summary>One row an x, one column a series, with its bounds where it has them; a cell is empty where a series has no point.</summary>
    public override Table ToTable()
    {
        string[] header = [X.Title, .. Series.SelectMany(s => s.Low is null ? [s.Name] : (string[])[s.Name, $"{s.Name}, low", $"{s.Name}, high"])];
        Dictionary<double, int>[] places = [.. Series.Select(s => s.X.Select((x, i) => (x, i)).ToDictionary(p => p.x, p => p.i))];
        IEnumerable<string[]> rows = Series.SelectMany(s => s.X).Distinct().Order().Select(x => (string[])
        [
            X.NameOf(x),
            .. Series.Zip(places).SelectMany(p => Cells(p.First, p.Second.TryGetValue(x, out int i) ? i : null)),
        ]);
        return new Table(header, [.. rows]);
    }

    private static IEnumerable<string> Cells(Series series, int? place)
    {
        IEnumerable<IReadOnlyList<double>> columns = series.Low is null ? [series.Y] : [series.Y, series.Low, series.High!];
        return columns.Select(c => place is { } i ? Table.Number(c[i]) : string.Empty);
    }
}

/// <summary>A line across a chart.</summary>
/// <param name="Value">Its height.</param>
/// <param name="Name">What it means, in a few words.</param>
internal sealed record Guide(double Value, string Name);
