namespace NormLayers.Cli.Experiments;

/// <summary>A published claim that this machine can run and judge.</summary>
internal interface IExperiment
{
    string Name { get; }

    string Paper { get; }

    string Claim { get; }

    /// <summary>Seconds at the default setting on two cores, as an order of magnitude.</summary>
    double Cost { get; }

    /// <summary>Whether the paper's own setting is run, not only the mechanism of its claim.</summary>
    bool Exact { get; }

    ExperimentResult Run(ExperimentContext context);
}
