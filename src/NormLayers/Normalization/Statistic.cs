namespace NormLayers;

/// <summary>What a normalization divides an index set of m elements by.</summary>
public enum Statistic
{
    /// <summary>Subtracts the mean and divides by the standard deviation, √(Σ(x − μ)²/m).</summary>
    MeanAndVariance,

    /// <summary>Divides by the root mean square, √(Σx²/m), and subtracts no mean.</summary>
    RootMeanSquare,

    /// <summary>Divides by the Euclidean norm, √(Σx²), and subtracts no mean.</summary>
    L2,
}
