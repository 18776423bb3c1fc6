using NormLayers.Lab.Charts;
using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>How alike deep networks make their samples at initialization.</summary>
internal sealed class InitRank : IExperiment
{
    private const int Batch = 64;

    private static readonly string[] _columns = ["cosine", "rank"];

    public string Name => "init-rank";

    public string Paper => "Daneshmand et al. 2020, arXiv 2003.01652";

    public string Claim => "Without batch normalization a deep network makes all samples alike at initialization; with it they stay apart.";

    public double Cost => 2;

    public bool Exact => true;

    public ExperimentResult Run(ExperimentContext context)
    {
        int networks = context.Full ? 16 : 2;
        double theory = InitGradients.Kernel(-1.0 / (Batch - 1));
        double[] layers = [.. Enumerable.Range(1, DeepNetwork.Depth).Select(i => (double)i)];
        IReadOnlyList<Likeness> likenesses = context.RunAll(
            [NormalizationKind.None, NormalizationKind.BatchNorm, NormalizationKind.LayerNorm], _ => networks, (mode, _) => Measure(mode, networks, context), _columns, (_, l) => Row(l));
        return ExperimentResult.From(
            this,
            context,
            [
                $"Mean cosine of two of {Batch} samples, and their participation rank, after {DeepNetwork.Depth} layers.",
                "Layer normalization keeps gradients flat (init-gradients) and lets the samples collapse as no normalization does; batch normalization does the reverse.",
            ],
            new(_columns, [.. likenesses.Select(Row)]),
            [.. likenesses.SelectMany(l => Judge(l, theory))],
            [
                new LineChart
                {
                    Title = "Cosine of two samples by layer",
                    Words = "The mean over all pairs. At 1 the samples are all alike and the layers above cannot tell them apart; batch normalization with ReLU keeps them at what wide layers give for this batch size.",
                    X = new Axis("layer"),
                    Y = new Axis("mean cosine") { Minimum = 0, Maximum = 1 },
                    Series = [.. likenesses.Select(l => new Series(l.Name, layers, l.Cosines) { Style = SeriesStyle.Of(l.Mode) })],
                },
                new LineChart
                {
                    Title = "Participation rank by layer",
                    Words = $"How many directions the {Batch} samples spread over: 1 if all are alike.",
                    X = new Axis("layer"),
                    Y = new Axis("rank", Log: true),
                    Series = [.. likenesses.Select(l => new Series(l.Name, layers, l.Ranks) { Style = SeriesStyle.Of(l.Mode) })],
                },
            ]);
    }

    private static Likeness Measure(NormalizationKind mode, int networks, ExperimentContext context)
    {
        RandomSource random = new(context.Seed);
        double[] cosines = new double[DeepNetwork.Depth];
        double[] ranks = new double[DeepNetwork.Depth];
        for (int n = 0; n < networks; n++)
        {
            context.CancellationToken.ThrowIfCancellationRequested();
            DeepNetwork network = new(mode, Batch, random);
            for (int i = 0; i < cosines.Length; i++)
            {
                (double cosine, double rank) = network.Similarity(i);
                cosines[i] += cosine / networks;
                ranks[i] += rank / networks;
            }
        }

        return new(mode, cosines, ranks);
    }

    private static Assertion[] Judge(Likeness likeness, double theory) => likeness.Mode == NormalizationKind.BatchNorm
        ? [new("batchnorm: measured over expected cosine", likeness.Cosines[^1] / theory, 0.95, 1.05), new("batchnorm: rank", likeness.Ranks[^1], 5, Batch)]
        : [new($"{likeness.Name}: cosine", likeness.Cosines[^1], 0.9, 1), new($"{likeness.Name}: rank", likeness.Ranks[^1], 1, 1.5)];

    private static ExperimentRow Row(Likeness likeness) => new(likeness.Name, [likeness.Cosines[^1], likeness.Ranks[^1]]);

    private sealed record Likeness(NormalizationKind Mode, double[] Cosines, double[] Ranks)
    {
        public string Name => Mode.Name;
    }
}
