namespace NormLayers.Normalization;

/// <summary>What a set is normalized by, as a type argument: loops are compiled once for each, without a branch in them.</summary>
internal interface IStatistic
{
    /// <summary>Gets a value indicating whether the set's mean is subtracted.</summary>
    static abstract bool HasMean { get; }

    /// <summary>What a sum over m elements is multiplied by: 1/m for a mean of squares, 1 for a sum of squares.</summary>
    static abstract double Share(int m);
}

/// <summary>x̂ = (x − μ)/√(σ² + ε).</summary>
internal readonly struct MeanAndVariance : IStatistic
{
    public static bool HasMean => true;

    public static double Share(int m) => 1.0 / m;
}

/// <summary>x̂ = x/√(Σx²/m + ε).</summary>
internal readonly struct RootMeanSquare : IStatistic
{
    public static bool HasMean => false;

    public static double Share(int m) => 1.0 / m;
}

/// <summary>x̂ = x/√(Σx² + ε).</summary>
internal readonly struct L2 : IStatistic
{
    public static bool HasMean => false;

    public static double Share(int m) => 1;
}
