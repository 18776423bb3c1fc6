using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using NormLayers.Numerics;

namespace NormLayers.Lab.Data;

/// <summary>Splits, reduces and standardizes data sets; each returns new sets and leaves the given ones as they are.</summary>
public static class DatasetExtensions
{
    private const int MostNamed = 5;

    /// <summary>Splits a set at random into a part to train on and a part to test on, alike in their classes.</summary>
    /// <param name="data">The set, of N samples.</param>
    /// <param name="testCount">The samples to test on, 1 to N − 1.</param>
    /// <param name="seed">The seed: the same one gives the same split.</param>
    /// <returns>Both parts in random order; each class's share of the test set is its share of the data to within one sample.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="testCount"/> leaves one part empty.</exception>
    public static DataSplit Split(this Dataset data, int testCount, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(data);
        (int[] test, int[] train) = Choose(data, testCount, seed);
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
        ArgumentNullException.ThrowIfNull(data);
        return Throw.IfNotPositive(count, nameof(count)) >= data.Count ? data : Select(data, Choose(data, count, seed).Chosen);
    }

    /// <summary>Brings each feature to mean 0 and variance 1, by what the training set says of them.</summary>
    /// <param name="split">The training and the test set.</param>
    /// <returns>
    /// (x − μ)/σ with the mean μ and the standard deviation σ (over N, not N − 1) of the feature in the training set; 0
    /// in both sets for a feature that is constant there.
    /// </returns>
    /// <remarks>All sums are in double, of data in double too: only the standardized result is rounded to float. What was done is in <see cref="DataSplit.Standardization"/>.</remarks>
    /// <exception cref="ArgumentException">Sets of different features, or no training samples.</exception>
    public static DataSplit Standardize(this DataSplit split)
    {
        ArgumentNullException.ThrowIfNull(split);
        Throw.IfLengthDiffers(split.Test.FeatureCount, split.Train.FeatureCount, nameof(split));
        Standardization standardization = Standardization.Of(split.Train);
        return new DataSplit(standardization.Apply(split.Train), standardization.Apply(split.Test)) { Standardization = standardization };
    }

    /// <summary>Appends the samples of a second set to a first.</summary>
    /// <param name="data">The first.</param>
    /// <param name="other">The second, with the same features, classes and names of classes, and of numbers of the same type.</param>
    /// <exception cref="ArgumentException">Other features or classes, or floats and doubles.</exception>
    public static Dataset Concat(this Dataset data, Dataset other)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(other);
        Throw.IfLengthDiffers(other.FeatureCount, data.FeatureCount, nameof(other));
        if (!other.ClassNames.SequenceEqual(data.ClassNames))
        {
            Throw.Argument(nameof(other), $"the classes {string.Join(", ", data.ClassNames)}", string.Join(", ", other.ClassNames));
        }

        if (other.Doubles is null != data.Doubles is null)
        {
            Throw.Argument(nameof(other), $"{TypeOf(data)} as in the first set", TypeOf(other));
        }

        int[] labels = [.. data.Labels, .. other.Labels];
        return data.Doubles is { } doubles
            ? Dataset.FromDoubles(data.Name, [.. doubles, .. other.Doubles!], labels, data.FeatureCount, data.ClassNames, data.Origin)
            : data.With([.. data.Features, .. other.Features], labels);
    }

    /// <summary>Says which features lose what tells their values apart when they are rounded to float without being standardized.</summary>
    /// <param name="data">The set.</param>
    /// <returns>
    /// A sentence without a full stop for each feature of which different values become one, or which is rounded by more than a thousandth of its
    /// range; for the first few, then the number of the others. Empty for a set of floats.
    /// </returns>
    public static IReadOnlyList<string> DescribeRounding(this Dataset data)
    {
        ArgumentNullException.ThrowIfNull(data);
        const double NoticedShare = 1e-3;
        List<string> sentences = [];
        for (int f = 0; data.Doubles is not null && f < data.FeatureCount; f++)
        {
            double[] values = [.. Enumerable.Range(0, data.Count).Select(i => data.Feature(i, f)).Distinct()];
            int floats = values.Select(v => (float)v).Distinct().Count();
            double error = values.Max(v => Math.Abs(v - (float)v));
            if (floats < values.Length || (values.Length > 1 && error > NoticedShare * (values.Max() - values.Min())))
            {
                sentences.Add(FormattableString.Invariant(
                    $"feature {f} (counted from 0) has {values.Length} different values, {floats} as floats, rounded by up to {error:g3}; standardized first, they stay apart"));
            }
        }

        return sentences.Count <= MostNamed ? sentences
            : [.. sentences.Take(MostNamed), FormattableString.Invariant($"{sentences.Count - MostNamed} more features lose digits as floats")];
    }

    /// <summary>The number of samples of each class.</summary>
    /// <param name="data">The set.</param>
    /// <returns>One number for each class, 0 where a class has no samples.</returns>
    public static int[] CountClasses(this Dataset data)
    {
        ArgumentNullException.ThrowIfNull(data);
        int[] counts = new int[data.ClassCount];
        foreach (int label in data.Labels)
        {
            counts[label]++;
        }

        return counts;
    }

    /// <summary>The places of the samples that <see cref="Take"/> takes, and of the others.</summary>
    internal static (int[] Chosen, int[] Others) Choose(Dataset data, int count, ulong seed, [CallerArgumentExpression(nameof(count))] string? name = null)
    {
        if (data.Count < 2)
        {
            Throw.Argument(nameof(data), "a set of at least 2 samples to divide", $"{data.Count} in '{data.Name}'");
        }

        if (count < 1 || count >= data.Count)
        {
            Throw.OutOfRange(name!, $"a number from 1 to {data.Count - 1}, one less than there are samples", count);
        }

        RandomSource random = new(seed);
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

    /// <summary>The samples at some places, in that order.</summary>
    internal static Dataset Select(Dataset data, int[] samples)
    {
        int[] labels = Array.ConvertAll(samples, s => data.Labels[s]);
        return data.Doubles is { } doubles
            ? Dataset.FromDoubles(data.Name, Gather(doubles), labels, data.FeatureCount, data.ClassNames, data.Origin)
            : With(data, Gather(data.Features), labels);

        T[] Gather<T>(T[] features)
        {
            T[] chosen = new T[samples.Length * data.FeatureCount];
            for (int i = 0; i < samples.Length; i++)
            {
                features.AsSpan(samples[i] * data.FeatureCount, data.FeatureCount).CopyTo(chosen.AsSpan(i * data.FeatureCount));
            }

            return chosen;
        }
    }

    /// <summary>Says which classes one of the two sets lacks: such a class is never learnt, or never tested.</summary>
    /// <param name="split">The training and the test set.</param>
    /// <returns>A sentence without a full stop for each such class, of many for the first ones; empty if there is none.</returns>
    public static IReadOnlyList<string> DescribeAbsentClasses(this DataSplit split)
    {
        ArgumentNullException.ThrowIfNull(split);
        return [.. Absent(split.Train, "training", split.Test, "test"), .. Absent(split.Test, "test", split.Train, "training")];

        static IEnumerable<string> Absent(Dataset data, string set, Dataset other, string otherSet)
        {
            int[] counts = data.CountClasses();
            int[] others = other.CountClasses();
            int[] absent = [.. Enumerable.Range(0, data.ClassCount).Where(c => counts[c] == 0)];
            foreach (int c in absent.Take(MostNamed))
            {
                yield return FormattableString.Invariant(
                    $"class {DataText.Quote(data.ClassNames[c])} has no {set} samples; the {otherSet} set has {others[c]} of it");
            }

            if (absent.Length > MostNamed)
            {
                yield return FormattableString.Invariant($"{absent.Length - MostNamed} more classes have no {set} samples");
            }
        }
    }

    /// <summary>Names what a set holds: its features, labels and classes, wherever they were read from.</summary>
    /// <param name="data">The set.</param>
    /// <returns>A SHA-256 hash in hexadecimal digits, the same for the same content only.</returns>
    public static string ComputeHash(this Dataset data)
    {
        ArgumentNullException.ThrowIfNull(data);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(FormattableString.Invariant(
            $"{TypeOf(data)} {data.Count} {data.FeatureCount} {string.Join(' ', data.ClassNames.Select(n => $"{n.Length}:{n}"))}\n")));
        Append(data.Labels);
        if (data.Doubles is { } doubles)
        {
            Append(doubles);
        }
        else
        {
            Append(data.Features);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());

        // In parts, as the bytes of a large array are more than a span holds.
        void Append<T>(T[] values)
            where T : struct
        {
            const int Part = 1 << 20;
            for (int i = 0; i < values.Length; i += Part)
            {
                hash.AppendData(MemoryMarshal.AsBytes(values.AsSpan(i, Math.Min(Part, values.Length - i))));
            }
        }
    }

    private static string TypeOf(Dataset data) => data.Doubles is null ? "float" : "double";

    /// <summary>The same samples with another origin.</summary>
    internal static Dataset With(this Dataset data, DataOrigin origin) =>
        new(data.Name, data.Features, data.Labels, data.FeatureCount, data.ClassCount) { ClassNames = data.ClassNames, Origin = origin };

    internal static Dataset With(this Dataset data, float[] features, int[] labels) =>
        new(data.Name, features, labels, data.FeatureCount, data.ClassCount) { ClassNames = data.ClassNames, Origin = data.Origin };
}
