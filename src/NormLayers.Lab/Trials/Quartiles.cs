namespace NormLayers.Lab.Trials;

/// <summary>The middle of values, and the bounds of their middle half.</summary>
/// <param name="First">A quarter of the values lie below.</param>
/// <param name="Median">Half of them do.</param>
/// <param name="Third">Three quarters do.</param>
public readonly record struct Quartiles(double First, double Median, double Third)
{
    /// <summary>Between two of the sorted values, a quartile divides their distance in proportion.</summary>
    /// <param name="values">At least one value.</param>
    public static Quartiles Of(IEnumerable<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        double[] sorted = [.. values.Order()];
        return new(At(0.25), At(0.5), At(0.75));

        double At(double share)
        {
            double place = share * (sorted.Length - 1);
            int below = (int)place;
            double part = place - below;
            return part == 0 ? sorted[below] : sorted[below] + part * (sorted[below + 1] - sorted[below]);
        }
    }
}
