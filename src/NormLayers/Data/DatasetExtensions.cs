using NormLayers.Numerics;

namespace NormLayers.Data;

/// <summary>Splits, reduces and standardizes data sets; each returns new sets and leaves the given ones as they are.</summary>
public static class DatasetExtensions
{
    /// <summary>Splits a set at random into a part to train on and a part to test on, alike in their classes.</summary>
    /// <param name="data">The set, of N samples.</param>
    /// <param name="testCount">The samples to test on, 1 to N − 1.</param>
    /// <param name="seed">The seed: the same one gives the same split.</param>
    /// <returns>Both parts in random order; each class's share of the test set is its share of the data to within one sample.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="testCount"/> leaves one part empty.</exception>
    public static DataSplit Split(this Dataset data, int testCount, ulong seed)
    {
        if (testCount < 1 || testCount >= data.Count)
        {
            Throw.OutOfRange(nameof(testCount), $"a number from 1 to {data.Count - 1}, one less than there are samples", testCount);
        }

        (int[] test, int[] train) = Choose(data, testCount, new RandomSource(seed));
        return new DataSplit(Select(data, train), Select(data, test));
    }

    /// <summary>Takes a random part of a set, alike in its classes.</summary>
    /// <param name="data">The set.</param>
    /// <param name="count">The most samples to take, ≥ 1.</param>
    /// <param name="seed">The seed: the same one takes the same samples.</param>
    /// <returns>The part in random order, as the test part of <see cref="Split"/>; the set itself if it has no more samples.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is below 1.</exception>
    public static Dataset Take(this Dataset data, int count, ulong seed)
    {
        Throw.IfNotPositive(count, nameof(count));
        return count >= data.Count ? data : Select(data, Choose(data, count, new RandomSource(seed)).Chosen);
    }

    /// <summary>Brings each feature to mean 0 and variance 1, by what the training set says of them.</summary>
    /// <param name="split">The training and the test set.</param>
    /// <returns>
    /// (x − μ)/σ with the mean μ and the standard deviation σ (over N, not N − 1) of the feature in the training set; 0
    /// in both sets for a feature that is constant there.
    /// </returns>
    public static DataSplit Standardize(this DataSplit split)
    {
        int features = split.Train.FeatureCount;
        Throw.IfLengthDiffers(split.Test.FeatureCount, features, nameof(split));
        float[] train = (float[])split.Train.Features.Clone();
        float[] test = (float[])split.Test.Features.Clone();
        for (int f = 0; f < features; f++)
        {
            (double mean, double deviation) = Moments(train, f, features);
            Standardize(train, f, features, mean, deviation);
            Standardize(test, f, features, mean, deviation);
        }

        return new DataSplit(With(split.Train, train, split.Train.Labels), With(split.Test, test, split.Test.Labels));
    }

    // Up to 2²⁹ copies of a float add up in double without rounding: a constant feature gets its exact mean and deviation 0.
    private static (double Mean, double Deviation) Moments(float[] values, int first, int step)
    {
        double sum = 0;
        int count = values.Length / step;
        for (int i = first; i < values.Length; i += step)
        {
            sum += values[i];
        }

        double mean = sum / count;
        double squares = 0;
        for (int i = first; i < values.Length; i += step)
        {
            double centred = values[i] - mean;
            squares += centred * centred;
        }

        return (mean, Math.Sqrt(squares / count));
    }

    private static void Standardize(float[] values, int first, int step, double mean, double deviation)
    {
        for (int i = first; i < values.Length; i += step)
        {
            values[i] = deviation == 0 ? 0 : (float)((values[i] - mean) / deviation);
        }
    }

    private static (int[] Chosen, int[] Others) Choose(Dataset data, int count, RandomSource random)
    {
        ILookup<int, int> samplesOf = Enumerable.Range(0, data.Count).ToLookup(i => data.Labels[i]);
        int[][] members = [.. Enumerable.Range(0, data.ClassCount).Select(c => samplesOf[c].ToArray())];
        foreach (int[] samples in members)
        {
            random.Shuffle(samples);
        }

        int[] quotas = Quotas(members, count, data.Count);
        int[] chosen = [.. members.SelectMany((m, c) => m[..quotas[c]])];
        int[] others = [.. members.SelectMany((m, c) => m[quotas[c]..])];
        random.Shuffle(chosen);
        random.Shuffle(others);
        return (chosen, others);
    }

    // Largest remainders: every class gets its share rounded down, and those that lost most one more.
    private static int[] Quotas(int[][] members, int count, int total)
    {
        int[] quotas = Array.ConvertAll(members, m => (int)((long)m.Length * count / total));
        int left = count - quotas.Sum();
        IEnumerable<int> byRemainder = Enumerable.Range(0, members.Length)
            .OrderByDescending(c => (long)members[c].Length * count % total);
        foreach (int c in byRemainder.Take(left))
        {
            quotas[c]++;
        }

        return quotas;
    }

    private static Dataset Select(Dataset data, int[] samples)
    {
        float[] features = new float[samples.Length * data.FeatureCount];
        for (int i = 0; i < samples.Length; i++)
        {
            data.Features.AsSpan(samples[i] * data.FeatureCount, data.FeatureCount)
                .CopyTo(features.AsSpan(i * data.FeatureCount));
        }

        return With(data, features, Array.ConvertAll(samples, s => data.Labels[s]));
    }

    private static Dataset With(Dataset data, float[] features, int[] labels) =>
        new(data.Name, features, labels, data.FeatureCount, data.ClassCount) { ClassNames = data.ClassNames };
}
