using System.Globalization;
using System.Text;
using NormLayers.Cli.Bench;
using NormLayers.Network;

namespace NormLayers.Benchmarks;

/// <summary>Writes the tables of docs/performance.md and docs/performance-history.md, each between <c>&lt;!-- begin NAME --&gt;</c> and <c>&lt;!-- end NAME --&gt;</c>.</summary>
internal static class Tables
{
    private static readonly string[] _peers = ["libtorch", "onnxruntime", "tensorprimitives", "reference"];

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
        string prefix = result.Settings.Narrow ? "avx2-" : string.Empty;
        if (result.Settings.Suite == "sizes")
        {
            yield return ("sizes-environment", Environment(result));
            yield return ("sizes", Sizes(all));
            yield break;
        }

        if (result.Settings.Suite == "quick")
        {
            yield return ("quick-environment", Environment(result));
            yield return ("quick-summary", Summary(all));
            yield return ("quick", Quick(all));
            yield break;
        }

        if (result.Settings.Suite == "models")
        {
            yield return ("models-environment", Environment(result));
            yield return ("models-summary", Summary(all));
            yield return ("models", Models(all));
            yield break;
        }

        if (result.Settings.Suite == "rms")
        {
            yield return ("rms-environment", Environment(result));
            yield return ("rms", Rms(all));
            yield break;
        }

        if (result.Settings.Suite == "family")
        {
            yield return ("family-environment", Environment(result));
            yield return ("family", Family(all));
            yield break;
        }

        if (result.Settings.Suite == "products")
        {
            yield return ("products-environment", Environment(result));
            yield return ("products", Products(all));
            yield break;
        }

        yield return (prefix + "environment", Environment(result));
        yield return (prefix + "summary", Summary(all));
        foreach ((NormalizationKind layer, NormPass pass) in Measurements.Kinds)
        {
            yield return ($"{prefix}{layer.Name}-{new NormCase(layer, default, pass).PassName}", Norms(all.Of(layer, pass)));
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

    private static string Norms(IReadOnlyList<Measurement> rows)
    {
        StringBuilder text = new();
        text.AppendLine("| shape | threads | NormLayers, µs | libtorch | ONNX Runtime | TensorPrimitives | reference | streams | best peer takes | share of streams | bytes | goal |");
        text.AppendLine("|---|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (Measurement row in rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {row.Case.ShapeName} | {row.Threads} | {Spread(row.Ours)} |");
            foreach (string peer in _peers)
            {
                text.Append(CultureInfo.InvariantCulture, $" {Microseconds(row.TimeOf(peer))} |");
            }

            text.AppendLine(CultureInfo.InvariantCulture, $" {Microseconds(row.Streams)} | {SpeedupOf(row)} | {100 * row.Streams / row.Ours.Median:0} % | {row.Ours.Bytes:0} | {(row.ReachesGoal(row.Speedup) ? "yes" : "no")} |");
        }

        return text.ToString();
    }

    private static string Steps(Measurements all)
    {
        StringBuilder text = new();
        text.AppendLine("| network | normalization | threads | NormLayers, µs | libtorch | NumPy | best peer takes | bytes |");
        text.AppendLine("|---|---|---|---|---|---|---|---|");
        foreach ((StepCase timed, int threads, ResultRow ours, Func<string, double?> timeOf) in all.Steps)
        {
            double? best = new[] { timeOf("libtorch"), timeOf("numpy") }.Min();
            string speedup = best is { } time ? string.Create(CultureInfo.InvariantCulture, $"{time / ours.Median:0.00}x") : "–";
            text.AppendLine(CultureInfo.InvariantCulture, $"| {timed.NetworkName} | {timed.ModeName} | {threads} | {Spread(ours)} | {Microseconds(timeOf("libtorch"))} | {Microseconds(timeOf("numpy"))} | {(best < ours.Median ? $"**{speedup}**" : speedup)} | {ours.Bytes:0} |");
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

    private static string Models(Measurements all)
    {
        StringBuilder text = new();
        text.AppendLine("| | shape | threads | NormLayers, µs | libtorch | ONNX Runtime | TensorPrimitives | streams | best peer takes |");
        text.AppendLine("|---|---|---|---|---|---|---|---|---|");
        foreach (Measurement row in Measurements.Kinds.SelectMany(k => all.Of(k.Layer, k.Pass)))
        {
            text.Append(CultureInfo.InvariantCulture, $"| {row.Case.LayerName} {row.Case.PassName} | {row.Case.ShapeName} | {row.Threads} | {Spread(row.Ours)} |");
            text.Append(CultureInfo.InvariantCulture, $" {Microseconds(row.TimeOf("libtorch"))} | {Microseconds(row.TimeOf("onnxruntime"))} | {Microseconds(row.TimeOf("tensorprimitives"))} |");
            text.AppendLine(CultureInfo.InvariantCulture, $" {Microseconds(row.Streams)} | {SpeedupOf(row)} |");
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

    private static string Rms(Measurements all)
    {
        StringBuilder text = new();
        text.AppendLine("| | shape | threads | NormLayers, µs | libtorch | ONNX Runtime, fused | ONNX Runtime, opset 23 | TensorPrimitives | streams | best peer takes |");
        text.AppendLine("|---|---|---|---|---|---|---|---|---|---|");
        foreach (Measurement row in Measurements.RmsKinds.SelectMany(k => all.Of(k.Layer, k.Pass)))
        {
            text.Append(CultureInfo.InvariantCulture, $"| {row.Case.PassName} | {row.Case.ShapeName} | {row.Threads} | {Spread(row.Ours)} |");
            foreach (string peer in (string[])["libtorch", "onnxruntime", "onnxruntime23", "tensorprimitives"])
            {
                text.Append(CultureInfo.InvariantCulture, $" {Microseconds(row.TimeOf(peer))} |");
            }

            text.AppendLine(CultureInfo.InvariantCulture, $" {Microseconds(row.Streams)} | {SpeedupOf(row)} |");
        }

        return text.ToString();
    }

    // One and two threads side by side, as the best of the libraries.
    private static string Family(Measurements all)
    {
        StringBuilder text = new();
        text.AppendLine("| | shape | 1 thread, µs | libtorch | ONNX Runtime | streams | best takes | 2 threads, µs | best takes |");
        text.AppendLine("|---|---|---|---|---|---|---|---|---|");
        foreach (IGrouping<string, Measurement> rows in all.Rows.GroupBy(r => $"{r.Case.LayerName} {r.Case.PassName} | {r.Case.ShapeName}"))
        {
            Measurement one = rows.Single(r => r.Threads == 1);
            string two = string.Join(" | ", rows.Where(r => r.Threads == 2).Select(r => $"{Microseconds(r.Ours.Median)} | {SpeedupOf(r)}"));
            text.Append(CultureInfo.InvariantCulture, $"| {rows.Key} | {Microseconds(one.Ours.Median)} | {Microseconds(one.TimeOf("libtorch"))} | {Microseconds(one.TimeOf("onnxruntime"))} |");
            text.AppendLine(CultureInfo.InvariantCulture, $" {Microseconds(one.Streams)} | {SpeedupOf(one)} | {two} |");
        }

        return text.ToString();
    }

    // Medians, and how far the rounds of ours and of the libraries were apart at most: (slowest − fastest)/median.
    private static string Products(Measurements all)
    {
        StringBuilder text = new();
        text.AppendLine("| weights | rows | threads | NormLayers, µs | libtorch | ONNX Runtime | faster library takes | spread |");
        text.AppendLine("|---|---|---|---|---|---|---|---|");
        foreach ((ProductCase timed, int threads, Func<string, ResultRow?> rowOf) in all.Products.OrderBy(p => p.Timed.Inputs * p.Timed.Outputs).ThenBy(p => p.Timed.Inputs).ThenBy(p => p.Timed.Rows).ThenBy(p => p.Threads))
        {
            ResultRow ours = rowOf("normlayers")!;
            ResultRow?[] libraries = [rowOf("libtorch"), rowOf("onnxruntime")];
            double? ratio = libraries.Min(r => r?.Median) / ours.Median;
            string speedup = ratio is null ? "–" : string.Create(CultureInfo.InvariantCulture, $"{(ratio < 1 ? "**" : string.Empty)}{ratio:0.00}x{(ratio < 1 ? "**" : string.Empty)}");
            double spread = ((ResultRow?[])[ours, .. libraries]).OfType<ResultRow>().Max(r => (r.Nanoseconds.Max() - r.Nanoseconds.Min()) / r.Median);
            text.AppendLine(CultureInfo.InvariantCulture, $"| {timed.Weights} | {timed.Rows} | {threads} | {Microseconds(ours.Median)} | {Microseconds(libraries[0]?.Median)} | {Microseconds(libraries[1]?.Median)} | {speedup} | {100 * spread:0} % |");
        }

        return text.ToString();
    }

    // A ~ before what is unsteady, bold what is slower.
    private static string SpeedupOf(Measurement row)
    {
        string speedup = row.Speedup is { } ratio ? string.Create(CultureInfo.InvariantCulture, $"{(row.IsUnsteady ? "~" : string.Empty)}{ratio:0.00}x") : "–";
        return row.Speedup < 1 ? $"**{speedup}**" : speedup;
    }

    private static string Threads(int count) => string.Create(CultureInfo.InvariantCulture, $"{count} thread{(count == 1 ? string.Empty : "s")}");

    private static string Spread(ResultRow row) =>
        $"{Microseconds(row.Median)} ({Microseconds(row.Nanoseconds.Min())}–{Microseconds(row.Nanoseconds.Max())})";

    // Three significant digits.
    private static string Microseconds(double? nanoseconds) => nanoseconds switch
    {
        null => "–",
        < 10_000 => (nanoseconds.Value / 1000).ToString("0.00", CultureInfo.InvariantCulture),
        < 100_000 => (nanoseconds.Value / 1000).ToString("0.0", CultureInfo.InvariantCulture),
        _ => (nanoseconds.Value / 1000).ToString("#,0", CultureInfo.InvariantCulture),
    };
}
