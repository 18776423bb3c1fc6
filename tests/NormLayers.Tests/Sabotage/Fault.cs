namespace NormLayers.Tests.Sabotage;

/// <summary>What can be wrong with a normalization, one thing at a time: each has been somebody's real bug.</summary>
public enum Fault
{
    /// <summary>Nothing: must pass everything.</summary>
    None,

    // The forward pass.
    UnbiasedVariance,
    OnePassVariance,
    EpsilonOutsideRoot,
    ZeroVarianceUnguarded,
    MeanOverWrongAxis,
    LengthTakenForBatch,
    TailForgotten,
    ScaleShiftForm,
    RowPositionMatters,
    NaNSwallowed,
    BetaMissing,

    // The backward pass.
    B3Dropped,
    B4Dropped,
    RstdForgotten,
    GammaMissingInDx,
    GammaTwiceInDx,
    DGammaNotCentred,
    ParameterGradientsAssigned,
    InputGradientAdded,
    StaleCache,
    ZeroGradients,
    OutputClearedFirst,
    GradientNeededForDx,

    // Running statistics and evaluation, batch normalization only.
    RunningVarianceBiased,
    MomentumSwapped,
    EvaluationUsesBatchStatistics,
    StatisticsUpdatedInEvaluation,
    EvaluationGradientThroughStatistics,
}
