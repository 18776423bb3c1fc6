using System.Globalization;

namespace NormLayers.Lab.Data;

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
        : this(name, labels, featureCount, classCount, LengthOf(features)) => Features = features;

    private Dataset(string name, int[] labels, int featureCount, int classCount, long length)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(labels);
        Throw.IfNotPositive(featureCount, nameof(featureCount));
        Throw.IfNotPositive(classCount, nameof(classCount));
        if (length != (long)labels.Length * featureCount)
        {
            Throw.Argument("features", $"{labels.Length} x {featureCount} numbers", $"{length}");
        }

        for (int i = 0; i < labels.Length; i++)
        {
            if ((uint)labels[i] >= (uint)classCount)
            {
                Throw.Argument(nameof(labels), $"class indices 0 to {classCount - 1}", $"{labels[i]} at sample {i}");
            }
        }

        Name = name;
        Labels = labels;
        FeatureCount = featureCount;
        ClassCount = classCount;
    }

    /// <summary>Creates a data set of numbers that a float may not hold, such as times in seconds, until it is standardized.</summary>
    /// <param name="name">What it is called in logs and results.</param>
    /// <param name="features">The samples, row-major, of shape (N, <paramref name="featureCount"/>), finite; kept.</param>
    /// <param name="labels">N class indices, each an index of <paramref name="classNames"/>; kept.</param>
    /// <param name="featureCount">The number of features of a sample, ≥ 1.</param>
    /// <param name="classNames">The name of each class.</param>
    /// <param name="origin">What its reader decided; null for nothing.</param>
    /// <returns>
    /// The data set. <see cref="DatasetExtensions.Standardize"/> works on the doubles; <see cref="Features"/> has them rounded.
    /// </returns>
    /// <exception cref="ArgumentException">The lengths do not fit together, or a label is out of range.</exception>
    public static Dataset FromDoubles(
        string name, double[] features, int[] labels, int featureCount, IReadOnlyList<string> classNames, DataOrigin? origin = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(features);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(classNames);
        return new(name, labels, featureCount, classNames.Count, features.LongLength) { Doubles = features, ClassNames = classNames, Origin = origin ?? new DataOrigin() };
    }

    /// <summary>What the data set is called in logs and results.</summary>
    public string Name { get; }

    /// <summary>The samples, row-major, of shape (<see cref="Count"/>, <see cref="FeatureCount"/>).</summary>
    /// <exception cref="DataFormatException">A double is beyond the range of floats; standardize the set first.</exception>
    public float[] Features
    {
        get => field ??= Round(Doubles!);
        private init;
    }

    /// <summary>The samples as they were read; null for a set of floats.</summary>
    internal double[]? Doubles { get; init; }

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

    /// <summary>What the reader of the data decided; empty for a set created in memory.</summary>
    public DataOrigin Origin { get; init; } = new();

    /// <summary>A feature of a sample, as it was read.</summary>
    internal double Feature(int sample, int feature)
    {
        int index = sample * FeatureCount + feature;
        return Doubles is { } doubles ? doubles[index] : Features[index];
    }

    private float[] Round(double[] features)
    {
        float[] rounded = new float[features.Length];
        for (int i = 0; i < features.Length; i++)
        {
            rounded[i] = (float)features[i];
            if (!float.IsFinite(rounded[i]))
            {
                throw new DataFormatException(Name, FormattableString.Invariant(
                    $"expected numbers up to {float.MaxValue:g4}, the largest float, got {features[i]} in feature {i % FeatureCount} (counted from 0); standardize the data."));
            }
        }

        return rounded;
    }

    private static long LengthOf(Array features)
    {
        ArgumentNullException.ThrowIfNull(features);
        return features.LongLength;
    }
}
