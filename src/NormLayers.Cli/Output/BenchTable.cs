using System.Globalization;

namespace NormLayers.Cli.Output;

/// <summary>Timings for people.</summary>
internal static class BenchTable
{
    public static string Format(BenchDocument document)
    {
        List<string> parts = [$"{document.Machine.Processor}, vectors: {document.Machine.Vectors()}, {document.Machine.Runtime}"];
        if (document.Norms.Count > 0)
        {
            parts.Add(TextTable.Format([
                ["layer", "pass", "shape", "threads", "µs", "fastest", "slowest", "GB/s", "of streams", "bytes"],
                .. document.Norms.Select(n => (string[])[
                    n.Layer, n.Pass, n.Shape, Whole(n.Threads), Microseconds(n.Nanoseconds), Microseconds(n.Fastest), Microseconds(n.Slowest),
                    Number(n.GigabytesPerSecond, "0.0"), Number(100 * n.ShareOfStreams, "0") + " %", Whole(n.BytesAllocated)])]));
            parts.Add(
                """
                GB/s counts x and y once, with the backward pass also x, dy and dx. "of streams" is the time of a plain copy x to y (with the
                backward pass also x + dy to dx) on as many threads over ours: 100 % is the speed of the memory, or of the cache it fits in.
                """);
        }

        if (document.Steps.Count > 0)
        {
            parts.Add(TextTable.Format([
                ["training step", "normalization", "threads", "µs", "fastest", "slowest", "bytes"],
                .. document.Steps.Select(s => (string[])[
                    s.Network, s.Mode, Whole(s.Threads), Microseconds(s.Nanoseconds), Microseconds(s.Fastest), Microseconds(s.Slowest), Whole(s.BytesAllocated)])]));
        }

        return string.Join(Environment.NewLine + Environment.NewLine, parts);
    }

    private static string Microseconds(double nanoseconds) => Number(nanoseconds / 1000, nanoseconds < 10_000 ? "0.00" : "#,0.0");

    private static string Whole(double value) => Number(value, "0");

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
