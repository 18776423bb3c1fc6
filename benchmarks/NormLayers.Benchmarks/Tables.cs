using System.Globalization;
using System.Text;
using NormLayers.Cli.Bench;
using NormLayers.Network;
using static System.FormattableString;

namespace NormLayers.Benchmarks;

/// <summary>Writes the tables of docs/performance*.md, each between <c>&lt;!-- begin NAME --&gt;</c> and <c>&lt;!-- end NAME --&gt;</c>.</summary>
internal static class Tables
{
    private const string Missing = "–";

    private static readonly (string Head, Func<Measurement, string> Cell)[] _norms =
    [
        ("shape", row => row.Case.ShapeName),
        ("threads", row => Invariant($"{row.Threads}")),
        ("ours, µs", row => Microseconds(row.Ours.Median)),
        ("spread", row => Spread(row.Ours)),
        ("libtorch", row => Microseconds(row.TimeOf("libtorch"))),
        ("ONNX Runtime", row => Microseconds(OnnxRuntime(row))),
        ("Tensor<wbr>Primitives", row => Microseconds(row.TimeOf("tensorprimitives"))),
        ("streams", row => Microseconds(row.Streams)),
        ("best peer takes", SpeedupOf),
        ("bytes", row => row.Ours.Bytes < 0.5 ? Missing : Invariant($"{row.Ours.Bytes:0}")),
    ];

    /// <summary>Replaces the text between the marks of each table that the results give, on the page that has them.</summary>
    /// <exception cref="InvalidDataException">No page has a table's marks.</exception>
    public static void Update(IReadOnlyList<string> pages, IReadOnlyList<ResultFile> results)
    {
        string[] texts = [.. pages.Select(File.ReadAllText)];
        foreach ((string name, string table) in results.SelectMany(Create))
        {
            string begin = $"<!-- begin {name} -->";
            int page = Array.FindIndex(texts, t => t.Contains(begin, StringComparison.Ordinal));
            int start = page < 0 ? -1 : texts[page].IndexOf(begin, StringComparison.Ordinal);
            int end = page < 0 ? -1 : texts[page].IndexOf($"<!-- end {name} -->", StringComparison.Ordinal);
            if (end < start || start < 0)
            {
                throw new InvalidDataException($"no page has '{begin}' with an end after it");
            }

            texts[page] = texts[page][..(start + begin.Length)] + "\n" + table + texts[page][end..];
        }

        foreach ((string page, string text) in pages.Zip(texts))
        {
            File.WriteAllText(page, text);
        }
    }

    private static IEnumerable<(string Name, string Table)> Create(ResultFile result)
    {
        Measurements all = new(result);
        string prefix = result.IsNarrow ? "avx2-" : string.Empty;
        if (result.Settings.Suite == "sizes")
        {
            yield return ("sizes-environment", Environment(result));
            yield return ("sizes", Sizes(all));
            yield break;
        }

        if (result.Settings.Suite == "quick")
        {
            yield return (prefix + "quick-environment", Environment(result));
            yield return (prefix + "quick-summary", Summary(all));
            yield return (prefix + "quick", Quick(all));
            yield break;
        }

        if (result.Settings.Suite == "models")
        {
            yield return ("models-environment", Environment(result));
            yield return ("models-summary", Summary(all));
            yield return ("models", ByKind(all, Measurements.Kinds));
            yield break;
        }

        if (result.Settings.Suite == "rms")
        {
            yield return (prefix + "rms-environment", Environment(result));
            yield return (prefix + "rms", ByKind(all, Measurements.RmsKinds));
            yield break;
        }

        if (result.Settings.Suite == "family")
        {
            yield return (prefix + "family-environment", Environment(result));
            yield return (prefix + "family", Family(all));
            yield break;
        }

        if (result.Settings.Suite == "products")
        {
            yield return (prefix + "products-environment", Environment(result));
            yield return (prefix + "products", Products(all));
            yield break;
        }

        yield return (prefix + "environment", Environment(result));
        yield return (prefix + "summary", Summary(all));
        foreach ((NormalizationKind layer, NormPass pass) in Measurements.Kinds)
        {
            yield return ($"{prefix}{layer.Name}-{new NormCase(layer, default, pass).PassName}", Table(all.Of(layer, pass), _norms));
        }

        yield return (prefix + "steps", Steps(all));
    }

    private static string Environment(ResultFile result)
    {
        StringBuilder text = new();
        text.AppendLine(CultureInfo.InvariantCulture, $"{result.Machine.Processor}, {result.Machine.LogicalProcessors} logical processors, {result.Machine.OperatingSystem}, {result.Machine.Runtime}; commit {result.Commit}, {result.Date:yyyy-MM-dd HH:mm} UTC; {result.Settings.Rounds} rounds of at least {result.Settings.RoundMilliseconds} ms; load average before the run {result.Settings.LoadBefore:0.00}.").AppendLine();
        foreach (PeerVersion peer in result.Peers)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"- `{peer.Name}`: {peer.Version}");
        }

        foreach (string problem in result.Problems)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"- **{problem}**");
        }

        return text.ToString();
    }

    private static string Summary(Measurements all)
    {
        StringBuilder text = new();
        text.AppendLine("| | against | geometric mean | least | goal reached | slower | unsteady |");
        text.AppendLine("|---|---|---|---|---|---|---|");
        foreach ((NormalizationKind layer, NormPass pass) in Measurements.Kinds)
        {
            SummaryRow(text, $"{layer.Name} {new NormCase(layer, default, pass).PassName}", all.Of(layer, pass));
        }

        SummaryRow(text, "**all**", [.. Measurements.Kinds.SelectMany(k => all.Of(k.Layer, k.Pass))]);
        return text.ToString();
    }

    private static void SummaryRow(StringBuilder text, string name, IReadOnlyList<Measurement> rows)
    {
        SummaryRow(text, name, "libraries", rows, row => row.SpeedupOverLibraries);
        SummaryRow(text, string.Empty, "all peers", rows, row => row.Speedup);
    }

    private static void SummaryRow(StringBuilder text, string name, string peers, IReadOnlyList<Measurement> rows, Func<Measurement, double?> speedupOf)
    {
        Measurement[] compared = [.. rows.Where(r => speedupOf(r) is not null)];
        if (compared.Length == 0)
        {
            return;
        }

        double mean = Math.Exp(compared.Average(r => Math.Log(speedupOf(r)!.Value)));
        Measurement least = compared.MinBy(speedupOf)!;
        text.AppendLine(CultureInfo.InvariantCulture, $"| {name} | {peers} | {mean:0.00}x | {speedupOf(least):0.00}x ({least.Case.ShapeName}, {Threads(least.Threads)}) | {rows.Count(r => r.ReachesGoal(speedupOf(r)))} of {rows.Count} | {rows.Count(r => speedupOf(r) < 1)} | {rows.Count(r => r.IsUnsteady)} |");
    }

    // A column without a value is left out: no page is as wide as all of them.
    private static string Table<T>(IReadOnlyList<T> rows, IReadOnlyList<(string Head, Func<T, string> Cell)> columns)
    {
        (string Head, string[] Cells)[] shown = [.. columns.Select(c => (c.Head, Cells: rows.Select(c.Cell).ToArray())).Where(c => c.Cells.Any(cell => cell != Missing))];
        StringBuilder text = new();
        text.AppendLine($"| {string.Join(" | ", shown.Select(c => c.Head))} |");
        text.AppendLine($"|{string.Concat(shown.Select(_ => "---|"))}");
        for (int row = 0; row < rows.Count; row++)
        {
            text.AppendLine($"| {string.Join(" | ", shown.Select(c => c.Cells[row]))} |");
        }

        return text.ToString();
    }

    // A table for each kind of pass that was measured.
    private static string ByKind(Measurements all, IReadOnlyList<(NormalizationKind Layer, NormPass Pass)> kinds) =>
        Titled(kinds.Select(k => (new NormCase(k.Layer, default, k.Pass), all.Of(k.Layer, k.Pass))).Where(k => k.Item2.Count > 0)
            .Select(k => ($"{k.Item1.Layer.Title}, {k.Item1.PassName}", Table(k.Item2, _norms))));

    private static string Titled(IEnumerable<(string Title, string Table)> tables) =>
        string.Join('\n', tables.Select(t => $"**{char.ToUpperInvariant(t.Title[0])}{t.Title[1..]}**\n\n{t.Table}"));

    private static string Steps(Measurements all)
    {
        StringBuilder text = new();
        text.AppendLine("| network | normalization | threads | ours, µs | spread | libtorch | NumPy | best peer takes | bytes |");
        text.AppendLine("|---|---|---|---|---|---|---|---|---|");
        foreach ((StepCase timed, int threads, ResultRow ours, Func<string, double?> timeOf) in all.Steps)
        {
            double? best = new[] { timeOf("libtorch"), timeOf("numpy") }.Min();
            text.AppendLine(CultureInfo.InvariantCulture, $"| {timed.NetworkName} | {timed.ModeName} | {threads} | {Microseconds(ours.Median)} | {Spread(ours)} | {Microseconds(timeOf("libtorch"))} | {Microseconds(timeOf("numpy"))} | {Ratio(best / ours.Median, unsteady: false)} | {ours.Bytes:0} |");
        }

        return text.ToString();
    }

    private static string Sizes(Measurements all)
    {
        StringBuilder text = new();
        text.AppendLine("| | shape | x, MB | threads | NormLayers, ns an element | streams, ns an element |");
        text.AppendLine("|---|---|---|---|---|---|");
        foreach (Measurement row in Measurements.Kinds.SelectMany(k => all.Of(k.Layer, k.Pass)))
        {
            double elements = row.Case.Shape.Length;
            text.AppendLine(CultureInfo.InvariantCulture, $"| {row.Case.LayerName} {row.Case.PassName} | {row.Case.ShapeName} | {elements * sizeof(float) / (1 << 20):0} | {row.Threads} | {row.Ours.Median / elements:0.000} | {row.Streams / elements:0.000} |");
        }

        return text.ToString();
    }

    // One and two threads side by side.
    private static string Quick(Measurements all)
    {
        StringBuilder text = new();
        text.AppendLine("| | shape | 1 thread, µs | best peer takes | 2 threads, µs | best peer takes |");
        text.AppendLine("|---|---|---|---|---|---|");
        foreach (IGrouping<string, Measurement> rows in Measurements.Kinds.SelectMany(k => all.Of(k.Layer, k.Pass)).GroupBy(r => $"{r.Case.LayerName} {r.Case.PassName} | {r.Case.ShapeName}"))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {rows.Key} | {string.Join(" | ", rows.OrderBy(r => r.Threads).Select(r => $"{Microseconds(r.Ours.Median)} | {SpeedupOf(r)}"))} |");
        }

        return text.ToString();
    }

    // A table for each pass, one and two threads side by side; the libraries' times over ours.
    private static string Family(Measurements all) => Titled(all.Rows.GroupBy(r => r.Case.PassName).Select(pass => (pass.Key, Table<(Measurement One, Measurement? Two)>(
        [.. pass.GroupBy(r => (r.Case.LayerName, r.Case.ShapeName)).Select(c => (c.Single(r => r.Threads == 1), c.SingleOrDefault(r => r.Threads == 2)))],
        [
            ("layer", row => row.One.Case.Layer.Title),
            ("shape", row => row.One.Case.ShapeName),
            ("streams, µs", row => Microseconds(row.One.Streams)),
            ("1 thread, µs", row => Microseconds(row.One.Ours.Median)),
            ("libtorch takes", row => Ratio(row.One.TimeOf("libtorch") / row.One.Ours.Median, row.One.IsUnsteady)),
            ("ONNX Runtime takes", row => Ratio(OnnxRuntime(row.One) / row.One.Ours.Median, row.One.IsUnsteady)),
            ("2 threads, µs", row => Microseconds(row.Two?.Ours.Median)),
            ("better takes", row => row.Two is null ? Missing : SpeedupOf(row.Two)),
        ]))));

    // One and two threads side by side; the libraries' times over ours.
    private static string Products(Measurements all) => Table<(ProductCase Timed, Func<string, ResultRow?> One, Func<string, ResultRow?> Two)>(
        [
            .. all.Products.GroupBy(p => p.Timed).OrderBy(p => p.Key.Inputs * p.Key.Outputs).ThenBy(p => p.Key.Inputs).ThenBy(p => p.Key.Rows)
                .Select(p => (p.Key, RowsOf(p, 1), RowsOf(p, 2))),
        ],
        [
            ("weights", row => row.Timed.Weights),
            ("rows", row => Invariant($"{row.Timed.Rows}")),
            ("1 thread, µs", row => Microseconds(row.One("normlayers")?.Median)),
            ("libtorch takes", row => Ratio(row.One, "libtorch")),
            ("ONNX Runtime takes", row => Ratio(row.One, "onnxruntime")),
            ("2 threads, µs", row => Microseconds(row.Two("normlayers")?.Median)),
            ("libtorch takes", row => Ratio(row.Two, "libtorch")),
            ("ONNX Runtime takes", row => Ratio(row.Two, "onnxruntime")),
        ]);

    private static Func<string, ResultRow?> RowsOf(IEnumerable<(ProductCase Timed, int Threads, Func<string, ResultRow?> RowOf)> measured, int threads) =>
        measured.SingleOrDefault(p => p.Threads == threads).RowOf ?? (_ => null);

    private static string Ratio(Func<string, ResultRow?> rowOf, string library) =>
        Ratio(rowOf(library)?.Median / rowOf("normlayers")?.Median, Measurement.AreUnsteady([rowOf("normlayers"), rowOf(library)]));

    private static string SpeedupOf(Measurement row) => Ratio(row.Speedup, row.IsUnsteady);

    // A ~ before what is unsteady, bold what is slower.
    private static string Ratio(double? ratio, bool unsteady)
    {
        string text = Invariant($"{(unsteady ? "~" : string.Empty)}{ratio:0.00}x");
        return ratio is null ? Missing : ratio < 1 ? $"**{text}**" : text;
    }

    // RMS normalization has two operators there.
    private static double? OnnxRuntime(Measurement row) => new[] { row.TimeOf("onnxruntime"), row.TimeOf("onnxruntime23") }.Min();

    private static string Threads(int count) => Invariant($"{count} thread{(count == 1 ? string.Empty : "s")}");

    private static string Spread(ResultRow row) => Invariant($"{100 * (row.Nanoseconds.Max() - row.Nanoseconds.Min()) / row.Median:0} %");

    // Three significant digits.
    private static string Microseconds(double? nanoseconds) => nanoseconds switch
    {
        null => Missing,
        < 10_000 => (nanoseconds.Value / 1000).ToString("0.00", CultureInfo.InvariantCulture),
        < 100_000 => (nanoseconds.Value / 1000).ToString("0.0", CultureInfo.InvariantCulture),
        _ => (nanoseconds.Value / 1000).ToString("#,0", CultureInfo.InvariantCulture),
    };
}
