using System.Numerics.Tensors;
using NormLayers.Lab.Data;

namespace NormLayers.Lab.Experiments;

/// <summary>The simplest classifier: a sample is of the class whose mean is nearest. It tells whether data can be learnt at all.</summary>
internal static class NearestMean
{
    /// <summary>The mean over the classes of the test set of the share of their samples that are classified correctly: 1/K is guessing.</summary>
    public static double BalancedAccuracy(DataSplit data)
    {
        int features = data.Train.FeatureCount;
        int[] counts = data.Train.CountClasses();
        float[][] means = [.. counts.Select(_ => new float[features])];
        for (int i = 0; i < data.Train.Count; i++)
        {
            TensorPrimitives.Add(means[data.Train.Labels[i]], Sample(data.Train, i), means[data.Train.Labels[i]]);
        }

        for (int c = 0; c < means.Length; c++)
        {
            TensorPrimitives.Divide(means[c], Math.Max(counts[c], 1), means[c]);
        }

        int[] present = [.. Enumerable.Range(0, means.Length).Where(c => counts[c] > 0)];
        double[] correct = new double[means.Length];
        for (int i = 0; i < data.Test.Count; i++)
        {
            float[] distances = Array.ConvertAll(present, c => TensorPrimitives.Distance(Sample(data.Test, i), means[c]));
            int nearest = present[TensorPrimitives.IndexOfMin(distances)];
            correct[nearest] += nearest == data.Test.Labels[i] ? 1 : 0;
        }

        int[] tested = data.Test.CountClasses();
        return Enumerable.Range(0, means.Length).Where(c => tested[c] > 0).Average(c => correct[c] / tested[c]);
    }

    private static ReadOnlySpan<float> Sample(Dataset data, int sample) => data.Features.AsSpan(sample * data.FeatureCount, data.FeatureCount);
}
