namespace NormLayers.Lab.Trials;

/// <summary>A mean over seeds and how well it is known.</summary>
/// <param name="Count">The values that it is the mean of.</param>
/// <param name="Mean">Their mean; NaN if there are none.</param>
/// <param name="HalfWidth">Half the width of the 95 % confidence interval around the mean; NaN for fewer than two values.</param>
public sealed record Estimate(int Count, double Mean, double HalfWidth)
{
    private const double Confidence = 0.95;

    /// <summary>The mean of values that are independent and roughly normal.</summary>
    /// <param name="values">The values; may be empty.</param>
    public static Estimate Of(IReadOnlyCollection<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        int n = values.Count;
        double mean = n == 0 ? double.NaN : values.Sum() / n;
        double halfWidth = n < 2
            ? double.NaN
            : StudentT.CriticalValue(Confidence, n - 1) * Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (n - 1) / n);
        return new Estimate(n, mean, halfWidth);
    }
}
