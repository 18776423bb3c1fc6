namespace NormLayers.Lab.Experiments;

/// <summary>The published claims that can be run here.</summary>
public static class ExperimentCatalog
{
    /// <summary>All experiments.</summary>
    public static IReadOnlyList<IExperiment> All { get; } =
    [
        new Invariances(), new InitGradients(), new InitRank(), new LearningRateSweep(), new BatchSize(), new IoffeMnist(), new PreVersusPostLayerNorm(),
        new NoisyBatchNorm(), new Landscape(), new Equilibrium(), new DropoutOrder(), new GhostBatches(), new Renorm(), new TanhInPlace(),
    ];

    /// <summary>The experiment of a name; null if there is none.</summary>
    /// <param name="name">The name, as in <c>init-gradients</c>.</param>
    public static IExperiment? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return All.FirstOrDefault(e => e.Name == name);
    }
}
