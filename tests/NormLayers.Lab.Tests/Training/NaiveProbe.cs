using NormLayers.Lab.Training;
using NormLayers.Network;

namespace NormLayers.Lab.Tests.Training;

/// <summary>The numbers of a probe from their definitions: double arithmetic, all pairs, whole sorts, no shortcut.</summary>
internal static class NaiveProbe
{
    /// <summary>A layer's numbers in the order of <see cref="Flatten(LayerProbe)"/>, parameters left out.</summary>
    public static double[] Layer(double[] input, double[] output, double[] gradient, int rows, Layer layer, (float[] Mean, float[] Variance)? running)
    {
        double mean = output.Average();
        double[] sorted = [.. output.Order()];
        double[][] samples = [.. output.Chunk(output.Length / rows)];
        List<double> numbers =
        [
            mean,
            Math.Sqrt(output.Average(v => (v - mean) * (v - mean))),
            .. ((double[])[0.05, 0.15, 0.5, 0.85, 0.95]).Select(p => Percentile(sorted, p)),
            Math.Sqrt(gradient.Average(g => g * g)),
            MeanCosine(samples),
        ];
        if (layer is ReLU)
        {
            numbers.Add(Enumerable.Range(0, samples[0].Length).Average(unit => samples.All(s => s[unit] == 0) ? 1.0 : 0));
        }

        if (layer is BatchNorm1D norm)
        {
            double[][] channels = [.. Enumerable.Range(0, norm.Features).Select(c => input.Chunk(norm.Features).Select(s => s[c]).ToArray())];
            double[] variances = [.. channels.Select(v => v.Sum(x => Math.Pow(x - v.Average(), 2)) / (v.Length - 1))];
            (float[] runningMean, float[] runningVariance) = running!.Value;
            numbers.Add(Math.Sqrt(channels.Select((v, c) => Math.Pow((v.Average() - runningMean[c]) / Math.Sqrt(runningVariance[c] + norm.Epsilon), 2)).Average()));
            numbers.Add(variances.Select((v, c) => Math.Abs(Math.Log(v + norm.Epsilon) - Math.Log(runningVariance[c] + norm.Epsilon))).Average());
        }

        return [.. numbers];
    }

    /// <summary>A parameter's numbers in the order of <see cref="Flatten(ParameterProbe)"/>.</summary>
    public static double[] Parameter(double[] before, double[] after, double[] gradient, double? learningRate)
    {
        double norm = Norm(before);
        double[] numbers = [norm, Norm(gradient), Norm([.. after.Zip(before, (a, b) => a - b)]) / norm];
        return learningRate is { } rate ? [.. numbers, rate / Math.Pow(norm, 2)] : numbers;
    }

    /// <summary>A record's numbers of a layer: what is null is left out.</summary>
    public static double[] Flatten(LayerProbe probe) =>
    [
        probe.Mean, probe.Deviation, probe.Percentiles.P5, probe.Percentiles.P15, probe.Percentiles.P50, probe.Percentiles.P85, probe.Percentiles.P95,
        probe.GradientRms, probe.Cosine,
        .. probe.DeadShare is { } dead ? (double[])[dead] : [],
        .. probe.Drift is { } drift ? (double[])[drift.Mean, drift.Variance] : [],
    ];

    /// <summary>A record's numbers of a parameter: what is null is left out.</summary>
    public static double[] Flatten(ParameterProbe probe) =>
        [probe.Norm, probe.GradientNorm, probe.UpdateRatio, .. probe.EffectiveLearningRate is { } rate ? (double[])[rate] : []];

    private static double Norm(double[] values) => Math.Sqrt(values.Sum(v => v * v));

    private static double Percentile(double[] sorted, double share)
    {
        double place = share * (sorted.Length - 1);
        double below = sorted[(int)Math.Floor(place)];
        double above = sorted[(int)Math.Ceiling(place)];
        return below + (above - below) * (place - Math.Floor(place));
    }

    private static double MeanCosine(double[][] samples)
    {
        double[][] directed = [.. samples.Where(s => s.Any(v => v != 0))];
        return (from a in Enumerable.Range(0, directed.Length)
                from b in Enumerable.Range(0, directed.Length)
                where a != b
                select directed[a].Zip(directed[b], (x, y) => x * y).Sum() / (Norm(directed[a]) * Norm(directed[b]))).Average();
    }
}
