namespace NormLayers.Lab.Trials;

/// <summary>The middle of values, and the bounds of their middle half.</summary>
/// <param name="First">A quarter of the values lie below.</param>
/// <param name="Median">Half of them do.</param>
/// <param name="Third">Three quarters do.</param>
public readonly record struct Quartiles(double First, double Median, double Third)
{
    /// <summary>Between two of the sorted values, a quartile divides their distance in proportion.</summary>
    /// <param name="values">At least one value. Where one is NaN, so are the quartiles, and so is one between −∞ and ∞.</param>
    /// <exception cref="ArgumentException">No value.</exception>
    public static Quartiles Of(IEnumerable<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0)
        {
            Throw.Argument(nameof(values), "at least one value", "none");
        }

        if (double.IsNaN(sorted[0]))
        {
            return new(double.NaN, double.NaN, double.NaN);
        }

        return new(At(0.25), At(0.5), At(0.75));

        double At(double share)
        {
            double place = share * (sorted.Length - 1);
            int below = (int)place;
            double part = place - below;
            if (part == 0 || sorted[below] == sorted[below + 1])
            {
                return sorted[below];
            }

            double distance = sorted[below + 1] - sorted[below];
            return double.IsFinite(distance) ? sorted[below] + part * distance : (1 - part) * sorted[below] + part * sorted[below + 1];
        }
    }
}
