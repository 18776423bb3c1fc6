using NormLayers.Cli.Bench;
using NormLayers.Network;

namespace NormLayers.Benchmarks;

/// <summary>The rows of a run, brought together case by case.</summary>
internal sealed class Measurements(ResultFile result)
{
    /// <summary>What there is a table of.</summary>
    public static IReadOnlyList<(NormalizationKind Layer, NormPass Pass)> Kinds { get; } =
    [
        (NormalizationKind.LayerNorm, NormPass.Forward),
        (NormalizationKind.LayerNorm, NormPass.ForwardBackward),
        (NormalizationKind.BatchNorm, NormPass.Forward),
        (NormalizationKind.BatchNorm, NormPass.Evaluation),
        (NormalizationKind.BatchNorm, NormPass.ForwardBackward),
    ];

    /// <summary>What the table of RMS normalization has.</summary>
    public static IReadOnlyList<(NormalizationKind Layer, NormPass Pass)> RmsKinds { get; } =
        [(NormalizationKind.RmsNorm, NormPass.Forward), (NormalizationKind.RmsNorm, NormPass.ForwardBackward)];

    public IEnumerable<(StepCase Timed, int Threads, ResultRow Ours, Func<string, double?> TimeOf)> Steps =>
        from row in result.Rows
        where row.Peer == "normlayers"
        let timed = Suite.Read(row.Case) as StepCase
        where timed is not null
        select (timed, row.Threads, row, (Func<string, double?>)(peer => RowOf(row.Case, row.Threads, peer)?.Median));

    public IEnumerable<(ProductCase Timed, int Threads, Func<string, ResultRow?> RowOf)> Products =>
        from row in result.Rows
        where row.Peer == "normlayers"
        let timed = Suite.Read(row.Case) as ProductCase
        where timed is not null
        select (timed, row.Threads, (Func<string, ResultRow?>)(peer => RowOf(row.Case, row.Threads, peer)));

    /// <summary>Every normalization, in the order of the run.</summary>
    public IEnumerable<Measurement> Rows =>
        from row in result.Rows
        where row.Peer == "normlayers"
        let timed = Suite.Read(row.Case) as NormCase
        where timed is not null
        select new Measurement(timed, row, peer => RowOf(row.Case, row.Threads, peer), result.IsNarrow);

    public IReadOnlyList<Measurement> Of(NormalizationKind layer, NormPass pass) =>
        [.. Rows.Where(r => r.Case.Layer == layer && r.Case.Pass == pass).OrderBy(r => r.Case.Shape.Length).ThenBy(r => r.Case.ShapeName).ThenBy(r => r.Threads)];

    // With more threads, the better of what a peer does with them and with one: it may well choose not to use them.
    private ResultRow? RowOf(string name, int threads, string peer) => result.Rows
        .Where(row => row.Case == name && row.Peer == peer && (peer == "stream" ? row.Threads == threads : row.Threads <= threads))
        .MinBy(row => row.Median);
}

/// <summary>One normalization on so many threads: ours, the peers, and the goals of speed.</summary>
internal sealed class Measurement(NormCase timed, ResultRow ours, Func<string, ResultRow?> rowOf, bool narrow)
{
    private const int SmallElements = 64 * 128;
    private const double StreamFactor = 1.15;
    private const double SteadyFactor = 1.5;

    private static readonly string[] _libraries = ["libtorch", "onnxruntime", "onnxruntime23"];
    private static readonly string[] _rivals = [.. _libraries, "tensorprimitives"];

    public NormCase Case { get; } = timed;

    public int Threads => Ours.Threads;

    public ResultRow Ours { get; } = ours;

    public double Streams { get; } = rowOf("stream")?.Median ?? double.NaN;

    /// <summary>The time of the best peer over ours; null where no peer was measured.</summary>
    public double? Speedup { get; } = _rivals.Select(peer => rowOf(peer)?.Median).Min() / ours.Median;

    /// <summary>The same with the libraries alone: without the composition from TensorPrimitives, which is ours.</summary>
    public double? SpeedupOverLibraries { get; } = _libraries.Select(peer => rowOf(peer)?.Median).Min() / ours.Median;

    /// <summary>Whether the rounds of ours, of the best peer or of the streams differ so much that the numbers say little.</summary>
    public bool IsUnsteady { get; } = AreUnsteady([ours, rowOf("stream"), _rivals.Select(rowOf).OfType<ResultRow>().MinBy(row => row.Median)]);

    /// <summary>
    /// Up to 64x128: five times as fast as the best peer, ten times with the backward pass. Above: twice as fast, or within
    /// 1.15 times the memory streams. With vectors of 256 bits: one and a half times as fast.
    /// </summary>
    public bool ReachesGoal(double? speedup) => narrow ? speedup >= 1.5
        : Case.Shape.Length <= SmallElements ? speedup >= (Case.HasBackward ? 10 : 5)
        : speedup >= 2 || (Ours.Median <= StreamFactor * Streams && !(speedup < 1));

    /// <summary>Whether the slowest round of one of them took more than 1.5 times its fastest.</summary>
    public static bool AreUnsteady(IEnumerable<ResultRow?> rows) =>
        rows.Any(row => row is not null && row.Nanoseconds.Max() > SteadyFactor * row.Nanoseconds.Min());

    public double? TimeOf(string peer) => rowOf(peer)?.Median;
}
