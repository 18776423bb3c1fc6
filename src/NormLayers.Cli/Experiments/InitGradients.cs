using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Cli.Experiments;

/// <summary>The growth of gradients through deep networks at initialization.</summary>
internal sealed class InitGradients : IExperiment
{
    // The last block's gradient is the one given.
    private const int Blocks = DeepNetwork.Depth - 1;
    private const int Bottom = 2;
    private const int Top = 20;
    private const double Tolerance = 0.02;

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
        (Normalization Mode, int Batch)[] settings =
        [
            .. ((int[])[8, 16, 32, 64, 128]).Select(b => (Normalization.BatchNorm, b)),
            (Normalization.None, 32), (Normalization.LayerNorm, 32),
        ];
        int networks = context.Full ? 32 : 8;
        List<ExperimentRow> rows = [];
        List<Assertion> assertions = [];
        List<Curve> curves = [];
        foreach ((Normalization mode, int batch) in settings)
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

            double measured = Math.Pow(product, 1.0 / networks);
            double theory = mode == Normalization.BatchNorm ? Theory(batch) : 1;
            string name = $"{mode.ToString().ToLowerInvariant()}, batch {batch}";
            rows.Add(new(name, [theory, measured]));
            assertions.Add(new($"{name}: measured over expected factor", measured / theory, 1 - Tolerance, 1 + Tolerance));
            curves.Add(new("squared gradient by layer", name, [.. Enumerable.Range(1, Blocks).Select(i => (double)i)], means, true));
        }

        return ExperimentResult.From(
            this,
            context.Seed,
            $"Growth of the squared gradient per layer towards the input, geometric mean over {networks} networks of {DeepNetwork.Depth} layers. The often quoted 1.21 is the root of pi/(pi-1) = 1.467, the factor of the norm, and holds for large batches only.",
            new(["expected", "measured"], rows),
            assertions,
            curves);
    }
}
