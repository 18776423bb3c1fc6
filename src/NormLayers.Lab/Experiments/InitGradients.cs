using NormLayers.Lab.Charts;
using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>The growth of gradients through deep networks at initialization.</summary>
internal sealed class InitGradients : IExperiment
{
    // The last block's gradient is the one given.
    private const int Blocks = DeepNetwork.Depth - 1;
    private const int Bottom = 2;
    private const int Top = 20;
    private const double Tolerance = 0.02;

    private static readonly string[] _columns = ["expected", "measured"];

    public string Name => "init-gradients";

    public string Paper => "Yang et al. 2019, arXiv 1902.08129, Theorem 8";

    public string Claim => "Batch normalization with ReLU makes squared gradients grow by a factor per layer that falls to pi/(pi-1) with the batch size.";

    public double Cost => 5;

    public bool Exact => true;

    /// <summary>The factor for batch normalization with ReLU at a finite batch, for wide layers.</summary>
    public static double Theory(int batch)
    {
        double c = -1.0 / (batch - 1);
        double angle = Math.PI - Math.Acos(c);
        double slope = angle / Math.PI;
        return (slope + batch - 1) / ((batch - 3) * (1 - Kernel(c))) - 1.0 / (batch - 3);
    }

    /// <summary>The cosine after a wide ReLU layer of two samples with cosine <paramref name="c"/> before it.</summary>
    public static double Kernel(double c) => (Math.Sqrt(1 - c * c) + (Math.PI - Math.Acos(c)) * c) / Math.PI;

    public ExperimentResult Run(ExperimentContext context)
    {
        (NormalizationKind Mode, int Batch)[] settings =
        [
            .. ((int[])[8, 16, 32, 64, 128]).Select(b => (NormalizationKind.BatchNorm, b)),
            (NormalizationKind.None, 32), (NormalizationKind.LayerNorm, 32),
        ];
        int networks = context.Full ? 32 : 8;
        IReadOnlyList<Growth> growths = context.RunAll(settings, _ => networks, (s, _) => Measure(s.Mode, s.Batch, networks, context), _columns, (_, g) => Row(g));
        double[] blocks = [.. Enumerable.Range(1, Blocks).Select(i => (double)i)];
        Growth[] batchNorm = [.. growths.Where(g => g.Mode == NormalizationKind.BatchNorm)];
        return ExperimentResult.From(
            this,
            context,
            [
                $"Growth of the squared gradient per layer towards the input, geometric mean over {networks} networks of {DeepNetwork.Depth} layers. " +
                "The often quoted 1.21 is the root of pi/(pi-1) = 1.467, the factor of the norm, and holds for large batches only.",
                "Layer normalization is flat like no normalization at all: what it does to the samples instead is shown by init-rank.",
            ],
            new(_columns, [.. growths.Select(Row)]),
            [.. growths.Select(g => new Assertion($"{g.Name}: measured over expected factor", g.Measured / g.Theory, 1 - Tolerance, 1 + Tolerance))],
            [
                new LineChart
                {
                    Title = "Squared gradient by layer",
                    Words = "At the output of each block, over that of the last one. A straight line on this axis is growth by a constant factor per layer: the fewer the samples of a batch, the steeper.",
                    X = new Axis("layer"),
                    Y = new Axis("relative squared gradient", Log: true),
                    Series = [.. growths.Select((g, i) => new Series(g.Name, blocks, g.Squares) { Style = SeriesStyle.At(i) })],
                },
                new LineChart
                {
                    Title = "Factor per layer by batch size",
                    Words = "Batch normalization with ReLU: what the closed form for wide layers says at each batch size, and what was measured.",
                    X = new Axis("batch size", Log: true),
                    Y = new Axis("growth per layer"),
                    Series =
                    [
                        new Series("closed form", [.. batchNorm.Select(g => (double)g.Batch)], [.. batchNorm.Select(g => g.Theory)]) { Style = SeriesStyle.Gray },
                        new Series("measured", [.. batchNorm.Select(g => (double)g.Batch)], [.. batchNorm.Select(g => g.Measured)]) { Joined = false },
                    ],
                },
            ]);
    }

    private static Growth Measure(NormalizationKind mode, int batch, int networks, ExperimentContext context)
    {
        double[] means = new double[Blocks];
        double product = 1;
        RandomSource random = new(context.Seed);
        for (int n = 0; n < networks; n++)
        {
            context.CancellationToken.ThrowIfCancellationRequested();
            DeepNetwork network = new(mode, batch, random);
            double[] squares = [.. Enumerable.Range(0, Blocks).Select(network.SquaredGradient)];
            product *= Math.Pow(squares[Bottom] / squares[Top], 1.0 / (Top - Bottom));
            for (int i = 0; i < means.Length; i++)
            {
                means[i] += squares[i] / squares[^1] / networks;
            }
        }

        return new(mode, batch, means, Math.Pow(product, 1.0 / networks));
    }

    private static ExperimentRow Row(Growth growth) => new(growth.Name, [growth.Theory, growth.Measured]);

    private sealed record Growth(NormalizationKind Mode, int Batch, double[] Squares, double Measured)
    {
        public string Name => $"{Mode.Name}, batch {Batch}";

        public double Theory => Mode == NormalizationKind.BatchNorm ? InitGradients.Theory(Batch) : 1;
    }
}
