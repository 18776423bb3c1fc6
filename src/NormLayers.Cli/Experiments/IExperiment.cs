namespace NormLayers.Cli.Experiments;

/// <summary>A published claim that this machine can run and judge.</summary>
internal interface IExperiment
{
    string Name { get; }

    string Paper { get; }

    string Claim { get; }

    /// <summary>Seconds at the default length on two cores, as an order of magnitude; on MNIST where it uses images.</summary>
    double Cost { get; }

    /// <summary>Whether the paper's own setting is run, not only the mechanism of its claim.</summary>
    bool Exact { get; }

    /// <summary>Whether it trains on images; <see cref="ExperimentContext.Images"/> has them then.</summary>
    bool UsesImages => FewestImages > 0;

    /// <summary>The fewest images to train on that fill what it takes at once; 0 if it uses none.</summary>
    int FewestImages => 0;

    ExperimentResult Run(ExperimentContext context);
}
