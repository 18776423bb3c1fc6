namespace NormLayers.Lab.Data;

/// <summary>Finds known classes by what a file has for them: the same text, or the same number, as 1 and 1.0 are.</summary>
internal sealed class CsvLabelMap
{
    private readonly CsvNumber _numbers;
    private readonly Dictionary<string, int> _texts = new(StringComparer.Ordinal);
    private readonly Dictionary<ExactNumber, int> _values = [];

    public CsvLabelMap(IReadOnlyList<string> classNames, CsvNumber numbers)
    {
        _numbers = numbers;
        for (int c = 0; c < classNames.Count; c++)
        {
            _texts.TryAdd(classNames[c], c);
            if (numbers.TryParseExactly(classNames[c], out ExactNumber? value))
            {
                _values.TryAdd(value, c);
            }
        }

        // Beside words, labels are compared as text.
        if (_values.Count < classNames.Count)
        {
            _values.Clear();
        }
    }

    /// <summary>The class that one of the texts names; null if none does.</summary>
    public int? Find(string[] texts)
    {
        foreach (string text in texts)
        {
            if (_texts.TryGetValue(text, out int index) || (_numbers.TryParseExactly(text, out ExactNumber? value) && _values.TryGetValue(value, out index)))
            {
                return index;
            }
        }

        return null;
    }
}
