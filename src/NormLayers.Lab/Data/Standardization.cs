namespace NormLayers.Lab.Data;

/// <summary>How the features of a training set were brought to mean 0 and variance 1, so that the same can be done to further samples.</summary>
public sealed class Standardization
{
    private readonly Feature[] _features;

    private Standardization(Feature[] features) => _features = features;

    /// <summary>The number of features.</summary>
    public int FeatureCount => _features.Length;

    /// <summary>Takes mean and standard deviation (over N, not N − 1) of each feature of a set; sums are in double.</summary>
    /// <param name="train">The training set, of one sample or more.</param>
    public static Standardization Of(Dataset train)
    {
        ArgumentNullException.ThrowIfNull(train);
        Throw.IfNotPositive(train.Count, nameof(train));
        Feature[] features = new Feature[train.FeatureCount];
        double[] column = new double[train.Count];
        for (int f = 0; f < features.Length; f++)
        {
            for (int i = 0; i < column.Length; i++)
            {
                column[i] = train.Feature(i, f);
            }

            features[f] = Feature.Of(column);
        }

        return new Standardization(features);
    }

    /// <summary>Standardizes a set.</summary>
    /// <param name="data">The samples, with as many features as the training set.</param>
    /// <returns>(x − μ)/σ rounded to float; 0 for a feature that was constant in the training set.</returns>
    /// <exception cref="ArgumentException">Another number of features.</exception>
    public Dataset Apply(Dataset data)
    {
        ArgumentNullException.ThrowIfNull(data);
        Throw.IfLengthDiffers(data.FeatureCount, FeatureCount, nameof(data));
        float[] result = new float[data.Count * FeatureCount];
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = _features[i % FeatureCount].Apply(data.Feature(i / FeatureCount, i % FeatureCount));
        }

        return data.With(result, data.Labels);
    }

    /// <summary>Mean μ and standard deviation σ of each feature, rounded to double. <see cref="Apply(Dataset)"/> loses less: it subtracts a value of the feature first.</summary>
    /// <returns>One pair a feature; a deviation of 0 for a constant feature.</returns>
    public IReadOnlyList<(double Mean, double Deviation)> Moments => [.. _features.Select(f => ((f.Shift + f.Mean) / f.Scale, f.Deviation / f.Scale))];

    /// <summary>The four numbers of each feature.</summary>
    internal (double Scale, double Shift, double Mean, double Deviation)[] Numbers => Array.ConvertAll(_features, f => (f.Scale, f.Shift, f.Mean, f.Deviation));

    /// <summary>The four numbers of each feature as tensors of a file.</summary>
    internal IEnumerable<NamedState> ToTensors(string prefix)
    {
        yield return Tensor("scale", f => f.Scale);
        yield return Tensor("shift", f => f.Shift);
        yield return Tensor("mean", f => f.Mean);
        yield return Tensor("deviation", f => f.Deviation);

        NamedState Tensor(string name, Func<Feature, double> number) => new(prefix + name, FeatureCount, Array.ConvertAll(_features, f => number(f)));
    }

    /// <summary>The same from four tensors; null if a number cannot be one of a standardization.</summary>
    internal static Standardization? From(double[] scale, double[] shift, double[] mean, double[] deviation)
    {
        Feature[] features = [.. Enumerable.Range(0, scale.Length).Select(f => new Feature(scale[f], shift[f], mean[f], deviation[f]))];
        return features.All(f => f.IsPossible) ? new Standardization(features) : null;
    }

    /// <summary>z = (s·x − s·x₀ − mean)/deviation: x₀ is the first value, so that no digits are lost where the spread is far below the values.</summary>
    /// <param name="Scale">s, a power of 2 that brings the largest value to about 1, so that no square leaves the range of doubles.</param>
    /// <param name="Shift">s·x₀.</param>
    /// <param name="Mean">Of s·x − s·x₀ over the training set.</param>
    /// <param name="Deviation">Its standard deviation; exactly 0 for a constant feature.</param>
    private readonly record struct Feature(double Scale, double Shift, double Mean, double Deviation)
    {
        private const int LargestExponent = 1023;

        public static Feature Of(double[] values)
        {
            double largest = values.Max(Math.Abs);
            int exponent = largest == 0 ? 0 : Math.Clamp(-Math.ILogB(largest), -LargestExponent, LargestExponent);
            double scale = Math.ScaleB(1, exponent);
            double shift = scale * values[0];
            double sum = 0;
            foreach (double value in values)
            {
                sum += scale * value - shift;
            }

            double mean = sum / values.Length;
            double squares = 0;
            foreach (double value in values)
            {
                double centred = scale * value - shift - mean;
                squares += centred * centred;
            }

            return new Feature(scale, shift, mean, Math.Sqrt(squares / values.Length));
        }

        public bool IsPossible => double.IsFinite(Scale) && Scale > 0 && double.IsFinite(Shift) && double.IsFinite(Mean) && double.IsFinite(Deviation) && Deviation >= 0;

        public float Apply(double value) => Deviation == 0 ? 0 : (float)((Scale * value - Shift - Mean) / Deviation);
    }
}
