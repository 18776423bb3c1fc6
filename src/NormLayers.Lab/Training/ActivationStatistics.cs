namespace NormLayers.Lab.Training;

/// <summary>Numbers that describe a layer's output or its gradient; all sums are in double, in order.</summary>
internal static class ActivationStatistics
{
    /// <summary>The mean and the standard deviation (divided by the number of values).</summary>
    public static (double Mean, double Deviation) Moments(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
        {
            sum += value;
        }

        double mean = sum / values.Length;
        double squares = 0;
        foreach (float value in values)
        {
            squares += (value - mean) * (value - mean);
        }

        return (mean, Math.Sqrt(squares / values.Length));
    }

    /// <summary>The Euclidean norm.</summary>
    public static double Norm(ReadOnlySpan<float> values)
    {
        double squares = 0;
        foreach (float value in values)
        {
            squares += (double)value * value;
        }

        return Math.Sqrt(squares);
    }

    /// <summary>The Euclidean norm of a difference.</summary>
    public static double Distance(ReadOnlySpan<float> first, ReadOnlySpan<float> second)
    {
        double squares = 0;
        for (int i = 0; i < first.Length; i++)
        {
            double difference = (double)first[i] - second[i];
            squares += difference * difference;
        }

        return Math.Sqrt(squares);
    }

    /// <summary>Exact percentiles.</summary>
    public static Percentiles Percentiles(ReadOnlySpan<float> values)
    {
        float[] sorted = values.ToArray();
        Array.Sort(sorted);
        return new Percentiles(At(0.05), At(0.15), At(0.5), At(0.85), At(0.95));

        double At(double share)
        {
            // NaN comes first in order.
            if (float.IsNaN(sorted[0]))
            {
                return double.NaN;
            }

            double place = share * (sorted.Length - 1);
            int below = (int)place;
            double fraction = place - below;

            // The neighbour has no weight at a whole place, and there may be none; infinity times 0 would be NaN.
            return fraction == 0 ? sorted[below] : sorted[below] * (1 - fraction) + sorted[below + 1] * fraction;
        }
    }

    /// <summary>The share of columns that are all 0.</summary>
    /// <param name="values">The samples, a row each.</param>
    /// <param name="rows">How many there are.</param>
    public static double DeadShare(ReadOnlySpan<float> values, int rows)
    {
        int units = values.Length / rows;
        int dead = 0;
        for (int unit = 0; unit < units; unit++)
        {
            int row = 0;
            while (row < rows && values[row * units + unit] == 0)
            {
                row++;
            }

            dead += row == rows ? 1 : 0;
        }

        return (double)dead / units;
    }

    /// <summary>The mean cosine between two different rows; rows of zeros are left out.</summary>
    /// <param name="values">The samples, a row each.</param>
    /// <param name="rows">How many there are.</param>
    public static double MeanCosine(ReadOnlySpan<float> values, int rows)
    {
        // With unit vectors u, the sum over all ordered pairs of uᵢ·uⱼ is ‖Σu‖², the pairs i = j among them.
        int units = values.Length / rows;
        double[] sum = new double[units];
        double directed = 0;
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> sample = values.Slice(row * units, units);
            double norm = Norm(sample);
            if (norm == 0)
            {
                continue;
            }

            directed++;
            for (int i = 0; i < units; i++)
            {
                sum[i] += sample[i] / norm;
            }
        }

        double squares = 0;
        foreach (double value in sum)
        {
            squares += value * value;
        }

        return directed < 2 ? double.NaN : (squares - directed) / (directed * (directed - 1));
    }
}
