using System.Globalization;

namespace NormLayers.Data;

/// <summary>Collects labels as text and turns them into class indices.</summary>
internal sealed class CsvLabels
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

    /// <summary>The class of each sample and the name of each class: numbers in their order if all are, else words in ordinal order.</summary>
    public (int[] Labels, string[] Names) ToClasses()
    {
        double[] numbers = [.. _texts.Select(ToNumber)];
        return Array.TrueForAll(numbers, double.IsFinite)
            ? Sort(numbers, Comparer<double>.Default, n => n.ToString(CultureInfo.InvariantCulture))
            : Sort([.. _texts], StringComparer.Ordinal, t => t);
    }

    private static double ToNumber(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : double.NaN;

    // One key for each distinct text; two texts of equal keys, such as 1 and 1.0, are one class.
    private (int[] Labels, string[] Names) Sort<T>(T[] keys, IComparer<T> order, Func<T, string> name)
        where T : IEquatable<T>
    {
        T[] classes = [.. keys.Distinct().Order(order)];
        int[] classOfText = Array.ConvertAll(keys, key => Array.BinarySearch(classes, key, order));
        return ([.. _samples.Select(text => classOfText[text])], Array.ConvertAll(classes, c => name(c)));
    }
}
