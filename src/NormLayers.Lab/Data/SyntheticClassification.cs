using NormLayers.Numerics;

namespace NormLayers.Lab.Data;

/// <summary>Draws synthetic classification problems.</summary>
/// <remarks>
/// Feature f of a sample of class c is scale[f] · (offset[f] + mean[c, f] + z) with z ~ N(0, 1). Without scales and offsets
/// every feature is as telling as any other, so whatever a network loses against the best classifier, it loses to them.
/// </remarks>
public static class SyntheticClassification
{
    private const double Ln10 = 2.302585092994046;

    /// <summary>Draws one problem, and from it a training and a test set.</summary>
    /// <param name="options">Sizes, difficulty and seed.</param>
    /// <returns>
    /// Sets of shapes (<see cref="SyntheticOptions.TrainCount"/>, <see cref="SyntheticOptions.Features"/>) and
    /// (<see cref="SyntheticOptions.TestCount"/>, <see cref="SyntheticOptions.Features"/>), in random order, whose class
    /// counts differ by one at most. The same options give the same bits; the size of one set does not change the other.
    /// </returns>
    /// <exception cref="ArgumentException">An option is out of its range, or a set has more than 2³¹−1 numbers.</exception>
    public static DataSplit Generate(SyntheticOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Check(options);
        RandomSource seeds = new(options.Seed);
        Problem problem = new(options, new RandomSource(seeds.NextBits()));
        Dataset train = problem.Draw(options.TrainCount, new RandomSource(seeds.NextBits()));
        Dataset test = problem.Draw(options.TestCount, new RandomSource(seeds.NextBits()));
        return new DataSplit(train, test);
    }

    private static void Check(SyntheticOptions options)
    {
        Throw.IfNotPositive(options.TrainCount, nameof(options.TrainCount));
        Throw.IfNotPositive(options.TestCount, nameof(options.TestCount));
        Throw.IfNotPositive(options.Features, nameof(options.Features));
        if (options.Classes < 2)
        {
            Throw.OutOfRange(nameof(options.Classes), "2 classes or more", options.Classes);
        }

        CheckRange(options.Separation, 1e6, nameof(options.Separation));
        CheckRange(options.ScaleSpread, 30, nameof(options.ScaleSpread));
        CheckRange(options.OffsetSpread, 1e6, nameof(options.OffsetSpread));
        long largest = (long)Math.Max(Math.Max(options.TrainCount, options.TestCount), options.Classes) * options.Features;
        if (largest > Array.MaxLength)
        {
            Throw.Argument(nameof(options), $"at most {Array.MaxLength} numbers in a set", $"{largest}");
        }
    }

    private static void CheckRange(double value, double largest, string name)
    {
        if (!(value >= 0 && value <= largest))
        {
            Throw.OutOfRange(name, FormattableString.Invariant($"a number from 0 to {largest}"), value);
        }
    }

    private sealed class Problem
    {
        private readonly int _features;
        private readonly int _classes;
        private readonly double[] _means;
        private readonly double[] _offsets;
        private readonly double[] _scales;

        public Problem(SyntheticOptions options, RandomSource random)
        {
            _features = options.Features;
            _classes = options.Classes;

            // Two independent vectors of F deviates of variance s² are s·√(2F) apart in root mean square.
            double deviation = options.Separation / Math.Sqrt(2.0 * _features);
            _means = new double[_classes * _features];
            for (int i = 0; i < _means.Length; i++)
            {
                _means[i] = deviation * random.NextNormal();
            }

            // Evenly spaced scales and offsets of one size, rather than drawn ones: every seed poses about as hard a problem.
            int[] ranks = [.. Enumerable.Range(0, _features)];
            random.Shuffle(ranks);
            _scales = Array.ConvertAll(ranks, rank => Elementary.Exp(Ln10 * options.ScaleSpread * Position(rank)));
            _offsets = Array.ConvertAll(ranks, _ => random.NextInt(2) == 0 ? options.OffsetSpread : -options.OffsetSpread);
        }

        public Dataset Draw(int count, RandomSource random)
        {
            int[] labels = new int[count];
            for (int i = 0; i < count; i++)
            {
                labels[i] = i % _classes;
            }

            random.Shuffle(labels);
            float[] features = new float[count * _features];
            for (int i = 0; i < features.Length; i++)
            {
                int f = i % _features;
                double mean = _means[labels[i / _features] * _features + f];
                features[i] = (float)(_scales[f] * (_offsets[f] + mean + random.NextNormal()));
            }

            return new Dataset("synthetic", features, labels, _features, _classes);
        }

        // Ranks 0 to F − 1 onto −½ to ½.
        private double Position(int rank) => _features == 1 ? 0 : (double)rank / (_features - 1) - 0.5;
    }
}
