namespace NormLayers.Lab.Trials;

/// <summary>Student's t distribution with ν degrees of freedom, for confidence intervals of a mean.</summary>
/// <remarks>
/// With t = √ν·tan θ the density becomes proportional to cos^(ν−1) θ, whose integral from −θ to θ has a closed form for whole ν
/// (integrate by parts until cos⁰ or cos¹ is left). So no table is needed, and no incomplete beta function.
/// </remarks>
public static class StudentT
{
    // From here on the distribution is the normal one to six digits, and the loop would be long.
    private const int MostDegrees = 1_000_000;

    /// <summary>P(|T| ≤ <paramref name="t"/>).</summary>
    /// <param name="t">The bound, ≥ 0; may be infinite.</param>
    /// <param name="degrees">The degrees of freedom ν, ≥ 1; above a million as a million.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    public static double CentralProbability(double t, int degrees)
    {
        Throw.IfBelow(t, 0, nameof(t));
        degrees = Math.Min(Throw.IfNotPositive(degrees, nameof(degrees)), MostDegrees);
        if (double.IsInfinity(t * t))
        {
            return 1;
        }

        double length = Math.Sqrt(degrees + t * t);
        double sine = t / length;
        double cosine = Math.Sqrt(degrees) / length;
        bool odd = degrees % 2 == 1;
        double term = odd ? sine * cosine : sine;
        double sum = 0;
        for (int k = 0; k < degrees / 2; k++)
        {
            sum += term;
            term *= cosine * cosine * (odd ? (2 * k + 2.0) / (2 * k + 3) : (2 * k + 1.0) / (2 * k + 2));
        }

        return odd ? 2 / Math.PI * (Math.Atan2(sine, cosine) + sum) : sum;
    }

    /// <summary>The t with P(|T| ≤ t) = <paramref name="confidence"/>.</summary>
    /// <param name="confidence">Above 0 and below 1.</param>
    /// <param name="degrees">The degrees of freedom ν, ≥ 1; above a million as a million.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    public static double CriticalValue(double confidence, int degrees)
    {
        if (!(confidence > 0 && confidence < 1))
        {
            Throw.OutOfRange(nameof(confidence), "a number above 0 and below 1", confidence);
        }

        double low = 0;
        double high = 1;
        while (CentralProbability(high, degrees) < confidence)
        {
            high *= 2;
        }

        for (double middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2)
        {
            (low, high) = CentralProbability(middle, degrees) < confidence ? (middle, high) : (low, middle);
        }

        return high;
    }
}
