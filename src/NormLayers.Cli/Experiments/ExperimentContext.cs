namespace NormLayers.Cli.Experiments;

/// <summary>What an experiment is run with.</summary>
internal sealed record ExperimentContext(ulong Seed, bool Full, CancellationToken CancellationToken);
