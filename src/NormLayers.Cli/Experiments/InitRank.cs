using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Cli.Experiments;

/// <summary>How alike deep networks make their samples at initialization.</summary>
internal sealed class InitRank : IExperiment
{
    private const int Batch = 64;

    public string Name => "init-rank";

    public string Paper => "Daneshmand et al. 2020, arXiv 2003.01652";

    public string Claim => "Without batch normalization a deep network makes all samples alike at initialization; with it they stay apart.";

    public double Cost => 2;

    public bool Exact => true;

    public ExperimentResult Run(ExperimentContext context)
    {
        List<ExperimentRow> rows = [];
        List<Assertion> assertions = [];
        List<Curve> curves = [];
        foreach (Normalization mode in Enum.GetValues<Normalization>())
        {
            context.CancellationToken.ThrowIfCancellationRequested();
            int networks = context.Full ? 16 : 2;
            RandomSource random = new(context.Seed);
            double[] cosines = new double[DeepNetwork.Depth];
            double rank = 0;
            for (int n = 0; n < networks; n++)
            {
                DeepNetwork network = new(mode, Batch, random);
                for (int i = 0; i < cosines.Length; i++)
                {
                    cosines[i] += network.Similarity(i).Cosine / networks;
                }

                rank += network.Similarity(DeepNetwork.Depth - 1).Rank / networks;
            }

            string name = mode.ToString().ToLowerInvariant();
            rows.Add(new(name, [cosines[^1], rank]));
            curves.Add(new("cosine of two samples by layer", name, [.. Enumerable.Range(1, DeepNetwork.Depth).Select(i => (double)i)], cosines, false));
            double theory = InitGradients.Kernel(-1.0 / (Batch - 1));
            assertions.AddRange(mode == Normalization.BatchNorm
                ? [new("batchnorm: measured over expected cosine", cosines[^1] / theory, 0.95, 1.05), new("batchnorm: rank", rank, 5, Batch)]
                : [new($"{name}: cosine", cosines[^1], 0.9, 1), new($"{name}: rank", rank, 1, 1.5)]);
        }

        return ExperimentResult.From(
            this,
            context.Seed,
            $"Mean cosine of two of {Batch} samples, and their participation rank, after {DeepNetwork.Depth} layers. Layer normalization keeps gradients flat (init-gradients) and lets the samples collapse as no normalization does; batch normalization does the reverse.",
            new(["cosine", "rank"], rows),
            assertions,
            curves);
    }
}
