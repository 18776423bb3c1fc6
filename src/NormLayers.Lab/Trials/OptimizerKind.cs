namespace NormLayers.Lab.Trials;

/// <summary>Which optimizer a trial uses.</summary>
public enum OptimizerKind
{
    /// <summary>Stochastic gradient descent.</summary>
    Sgd,

    /// <summary>Adam.</summary>
    Adam,
}
