namespace NormLayers.Lab.Data;

/// <summary>Samples for a classifier; their labels, if they have any, are among its classes.</summary>
public sealed class SampleSet
{
    private readonly int[] _indices;

    /// <summary>Samples with the classifier's features and classes.</summary>
    /// <param name="data">The samples; the labels have no meaning if there is a problem with them.</param>
    /// <param name="labelProblem">Why there are no labels; null if there are.</param>
    internal SampleSet(Dataset data, string? labelProblem)
        : this(data, labelProblem, [.. Enumerable.Range(0, data.Count)])
    {
    }

    private SampleSet(Dataset data, string? labelProblem, int[] indices) => (Data, LabelProblem, _indices) = (data, labelProblem, indices);

    /// <summary>The number of samples.</summary>
    public int Count => Data.Count;

    /// <summary>The class of each sample, an index of the classifier's classes; null if there are no labels, or other classes among them.</summary>
    public IReadOnlyList<int>? Labels => LabelProblem is null ? Data.Labels : null;

    /// <summary>Why there are no <see cref="Labels"/>, in words; null if there are.</summary>
    public string? LabelProblem { get; }

    /// <summary>The place of each sample in the data that was read, counted from 0.</summary>
    public IReadOnlyList<int> Indices => _indices;

    /// <summary>What they are called in results.</summary>
    public string Name => Data.Name;

    /// <summary>What the reader of the data decided.</summary>
    public DataOrigin Origin => Data.Origin;

    internal Dataset Data { get; }

    /// <summary>Names what they hold, as <see cref="DatasetExtensions.ComputeHash"/> does; for samples with labels.</summary>
    public string ComputeHash() => Data.ComputeHash();

    /// <summary>One of the two parts that <see cref="DatasetExtensions.Split"/> makes; for samples with labels.</summary>
    /// <param name="testCount">The samples to test on, 1 to N − 1.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="test">Whether to take them, and not the others.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="testCount"/> leaves one part empty.</exception>
    public SampleSet Part(int testCount, ulong seed, bool test)
    {
        (int[] chosen, int[] others) = DatasetExtensions.Choose(Data, testCount, seed);
        return Select(test ? chosen : others);
    }

    /// <summary>The random part that <see cref="DatasetExtensions.Take"/> takes; for samples with labels.</summary>
    /// <param name="count">The most samples to take, ≥ 1.</param>
    /// <param name="seed">The seed.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is below 1.</exception>
    public SampleSet Take(int count, ulong seed) => count >= Count ? this : Select(DatasetExtensions.Choose(Data, count, seed).Chosen);

    private SampleSet Select(int[] samples) => new(DatasetExtensions.Select(Data, samples), LabelProblem, Array.ConvertAll(samples, s => _indices[s]));

    /// <summary>The samples of a data set, whose classes are found by their names.</summary>
    /// <param name="data">The data set.</param>
    /// <param name="format">What the classifier takes.</param>
    /// <exception cref="DataFormatException">Another number of features.</exception>
    public static SampleSet Of(Dataset data, SampleFormat format)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(format);
        if (data.FeatureCount != format.FeatureCount)
        {
            throw new DataFormatException(data.Name, FormattableString.Invariant($"expected {format.FeatureCount} features as the model takes, got {data.FeatureCount}."));
        }

        CsvLabelMap map = new(format.ClassNames, new CsvNumber('.'));
        int?[] indices = [.. data.ClassNames.Select(n => map.Find([n]))];
        int unknown = data.CountClasses().Select((count, c) => count > 0 && indices[c] is null ? c : -1).Max();
        string? problem = unknown >= 0 ? $"class {DataText.Quote(data.ClassNames[unknown])} of {data.Name} is no class of the model" : null;
        int[] labels = problem is null ? Array.ConvertAll(data.Labels, c => indices[c]!.Value) : new int[data.Count];
        return new SampleSet(
            data.Doubles is { } doubles
                ? Dataset.FromDoubles(data.Name, doubles, labels, data.FeatureCount, format.ClassNames, data.Origin)
                : new Dataset(data.Name, data.Features, labels, data.FeatureCount, format.ClassNames.Count) { ClassNames = format.ClassNames, Origin = data.Origin },
            problem);
    }
}
