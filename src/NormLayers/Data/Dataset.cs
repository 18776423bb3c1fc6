using System.Globalization;

namespace NormLayers.Data;

/// <summary>Labelled samples in memory: what a classifier is trained and tested on.</summary>
public sealed class Dataset
{
    /// <summary>Creates a data set from arrays, which it keeps.</summary>
    /// <param name="name">What it is called in logs and results.</param>
    /// <param name="features">The samples, row-major, of shape (N, <paramref name="featureCount"/>).</param>
    /// <param name="labels">N class indices, each 0 to <paramref name="classCount"/> − 1.</param>
    /// <param name="featureCount">The number of features of a sample, ≥ 1.</param>
    /// <param name="classCount">The number of classes, ≥ 1.</param>
    /// <exception cref="ArgumentException">The lengths do not fit together, or a label is out of range.</exception>
    public Dataset(string name, float[] features, int[] labels, int featureCount, int classCount)
    {
        Throw.IfNotPositive(featureCount, nameof(featureCount));
        Throw.IfNotPositive(classCount, nameof(classCount));
        if (features.LongLength != (long)labels.Length * featureCount)
        {
            Throw.Argument(nameof(features), $"{labels.Length} x {featureCount} numbers", $"{features.Length}");
        }

        for (int i = 0; i < labels.Length; i++)
        {
            if ((uint)labels[i] >= (uint)classCount)
            {
                Throw.Argument(nameof(labels), $"class indices 0 to {classCount - 1}", $"{labels[i]} at sample {i}");
            }
        }

        Name = name;
        Features = features;
        Labels = labels;
        FeatureCount = featureCount;
        ClassCount = classCount;
    }

    /// <summary>What the data set is called in logs and results.</summary>
    public string Name { get; }

    /// <summary>The samples, row-major, of shape (<see cref="Count"/>, <see cref="FeatureCount"/>).</summary>
    public float[] Features { get; }

    /// <summary>The class index of each sample.</summary>
    public int[] Labels { get; }

    /// <summary>The number of samples N.</summary>
    public int Count => Labels.Length;

    /// <summary>The number of features of a sample.</summary>
    public int FeatureCount { get; }

    /// <summary>The number of classes.</summary>
    public int ClassCount { get; }

    /// <summary>What the source calls each class; the class indices as text where it gives no names.</summary>
    /// <exception cref="ArgumentException">Not one name for each class.</exception>
    public IReadOnlyList<string> ClassNames
    {
        get => field ??= [.. Enumerable.Range(0, ClassCount).Select(i => i.ToString(CultureInfo.InvariantCulture))];
        init
        {
            Throw.IfLengthDiffers(value.Count, ClassCount, nameof(ClassNames));
            field = value;
        }
    }
}
