namespace NormLayers.Lab.Data;

/// <summary>Collects labels as text and turns them into class indices.</summary>
internal sealed class CsvLabels(CsvNumber numbers)
{
    private readonly List<int> _samples = [];
    private readonly List<string> _texts = [];
    private readonly Dictionary<string, int> _indexOfText = new(StringComparer.Ordinal);

    public void Add(ReadOnlySpan<char> label)
    {
        if (!_indexOfText.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(label, out int index))
        {
            index = _texts.Count;
            _texts.Add(label.ToString());
            _indexOfText.Add(_texts[index], index);
        }

        _samples.Add(index);
    }

    /// <summary>Takes back the first label, that of a row which turned out to be a header, and which no other row has.</summary>
    public void RemoveFirst()
    {
        _indexOfText.Remove(_texts[0]);
        _texts.RemoveAt(0);
        _samples.RemoveAt(0);
        foreach (string text in _texts)
        {
            _indexOfText[text]--;
        }

        for (int i = 0; i < _samples.Count; i++)
        {
            _samples[i]--;
        }
    }

    /// <summary>The classes: numbers in their order if all labels are numbers, else words in ordinal order.</summary>
    public CsvClasses ToClasses()
    {
        ExactNumber?[] values = [.. _texts.Select(t => numbers.TryParseExactly(t, out ExactNumber? value) ? value : null)];
        int words = values.Count(v => v is null);
        return words == 0
            ? Number(Array.ConvertAll(values, v => v!), Comparer<ExactNumber>.Default, words, values.Any(v => !v!.IsInteger))
            : Number([.. _texts], StringComparer.Ordinal, words, hasFractions: false);
    }

    // One key for each distinct text; texts of equal keys, such as 1 and 1.0, are one class, named by the shortest of them.
    private CsvClasses Number<T>(T[] keys, IComparer<T> order, int words, bool hasFractions)
        where T : IEquatable<T>
    {
        T[] classes = [.. keys.Distinct().Order(order)];
        int[] classOfText = Array.ConvertAll(keys, key => Array.BinarySearch(classes, key, order));
        string[][] texts = [.. _texts.Zip(classOfText).GroupBy(p => p.Second, p => p.First).OrderBy(g => g.Key)
            .Select(g => g.OrderBy(t => t.Length).ThenBy(t => t, StringComparer.Ordinal).ToArray())];
        return new CsvClasses([.. _samples.Select(text => classOfText[text])], texts, words, _texts.Count - words, hasFractions);
    }
}

/// <summary>The classes of a file's labels.</summary>
/// <param name="Labels">The class of each sample.</param>
/// <param name="Texts">What the file has for each class, its name first.</param>
/// <param name="Words">How many different labels are words.</param>
/// <param name="Numbers">How many are numbers.</param>
/// <param name="HasFractions">Whether all are numbers and some of them not whole.</param>
internal sealed record CsvClasses(int[] Labels, string[][] Texts, int Words, int Numbers, bool HasFractions)
{
    public string[] Names { get; } = Array.ConvertAll(Texts, t => t[0]);
}
