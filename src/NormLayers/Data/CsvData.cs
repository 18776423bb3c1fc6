using System.Globalization;
using System.Text;

namespace NormLayers.Data;

/// <summary>Reads labelled samples from comma-separated values (RFC 4180), one sample a row.</summary>
/// <remarks>
/// Features are numbers as in <c>-1.5e3</c>, whatever the computer's language; labels are numbers or words. Classes are
/// numbered from 0 in the order of their numbers or, if any label is a word, in the ordinal order of the words. UTF-8;
/// quoted fields, any line ending, a byte order mark, and blank lines are accepted. Nothing is guessed or left out: a
/// missing or non-finite feature is an error.
/// </remarks>
public static class CsvData
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">The file; one whose name ends in <c>.gz</c> is unpacked.</param>
    /// <param name="options">Label column, header, lines to skip and delimiter; null for the defaults.</param>
    /// <returns>The samples, in the order of the file, named after it.</returns>
    /// <exception cref="DataFormatException">The file cannot be read, or does not hold labelled samples of two or more classes.</exception>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static Dataset Read(string path, CsvOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return DataFile.Read(path, stream => Read(stream, path, options));
    }

    /// <summary>Reads a text.</summary>
    /// <param name="reader">The text; read to its end, and left open.</param>
    /// <param name="path">What errors call it, and whose last part names the data set.</param>
    /// <param name="options">Label column, header, lines to skip and delimiter; null for the defaults.</param>
    /// <returns>The samples, in the order of the text.</returns>
    /// <exception cref="DataFormatException">The text does not hold labelled samples of two or more classes.</exception>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static Dataset Read(TextReader reader, string path, CsvOptions? options = null)
    {
        options ??= new CsvOptions();
        Check(options);
        CsvRecords records = new(reader, path, options.Delimiter);
        for (int i = 0; i < options.SkipLines; i++)
        {
            records.SkipLine();
        }

        if (!records.Read())
        {
            throw new DataFormatException(path, "expected rows of labelled samples, got an empty file.");
        }

        Table table = new(records, path, options);
        table.ReadRows();
        return table.ToDataset();
    }

    internal static Dataset Read(Stream stream, string path, CsvOptions? options)
    {
        UTF8Encoding strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        using StreamReader reader = new(stream, strict, detectEncodingFromByteOrderMarks: false);
        return Read(reader, path, options);
    }

    private static void Check(CsvOptions options)
    {
        if (options.SkipLines < 0)
        {
            Throw.OutOfRange(nameof(options.SkipLines), "a number ≥ 0", options.SkipLines);
        }

        if (options.Delimiter is '"' or '\r' or '\n')
        {
            Throw.Argument(nameof(options.Delimiter), "any character but a quote or a line break", $"U+{(int)options.Delimiter:X4}");
        }
    }

    // What a file holds may be long or unprintable: a message shows its start, on one line.
    private static string Quoted(ReadOnlySpan<char> text)
    {
        const int Longest = 60;
        StringBuilder shown = new("'");
        foreach (char c in text[..Math.Min(text.Length, Longest)])
        {
            shown.Append(char.IsControl(c) || char.IsSurrogate(c) ? '\uFFFD' : c);
        }

        return shown.Append(text.Length > Longest ? "…'" : "'").ToString();
    }

    private sealed class Table
    {
        private readonly CsvRecords _records;
        private readonly string _path;
        private readonly long _firstLine;
        private readonly int _width;
        private readonly int _labelColumn;
        private readonly string[]? _header;
        private readonly List<float> _features = [];
        private readonly CsvLabels _labels = new();

        // The first row has been read.
        public Table(CsvRecords records, string path, CsvOptions options)
        {
            _records = records;
            _path = path;
            _firstLine = records.Line;
            _width = records.Count;
            if (_width < 2)
            {
                throw Error($"expected a label and at least one feature separated by '{options.Delimiter}', got one field.");
            }

            string[] first = new string[_width];
            for (int i = 0; i < _width; i++)
            {
                first[i] = records[i].ToString();
            }

            _labelColumn = FindLabelColumn(first, options, out bool byName);
            if (options.Header ?? (byName || HasWordsForFeatures(first)))
            {
                _header = first;
            }
        }

        public void ReadRows()
        {
            if (_header is not null && !_records.Read())
            {
                throw Error("expected rows of samples below the header, got none.");
            }

            do
            {
                ReadRow();
            }
            while (_records.Read());
        }

        public Dataset ToDataset()
        {
            (int[] labels, string[] names) = _labels.ToClasses();
            if (names.Length < 2)
            {
                throw new DataFormatException(
                    _path, $"expected two classes or more in {Column(_labelColumn)}, got only {Quoted(names[0])}.");
            }

            return new Dataset(Path.GetFileName(_path), [.. _features], labels, _width - 1, names.Length) { ClassNames = names };
        }

        private void ReadRow()
        {
            if (_records.Count != _width)
            {
                throw Error(FormattableString.Invariant($"expected {_width} fields as in line {_firstLine}, got {_records.Count}."));
            }

            for (int i = 0; i < _width; i++)
            {
                ReadOnlySpan<char> field = _records[i];
                if (i != _labelColumn)
                {
                    if (!TryParse(field, out float value) || !float.IsFinite(value))
                    {
                        throw Error($"expected a finite number in {Column(i)}, got {Quoted(field)}.");
                    }

                    _features.Add(value);
                }
                else if (field.IsEmpty)
                {
                    throw Error($"expected a class label in {Column(i)}, got nothing.");
                }
                else
                {
                    _labels.Add(field);
                }
            }
        }

        private int FindLabelColumn(string[] first, CsvOptions options, out bool byName)
        {
            string wanted = options.LabelColumn ?? "-1";
            byName = !int.TryParse(wanted, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number);
            if (byName)
            {
                int named = options.Header == false ? -1 : Array.IndexOf(first, wanted);
                if (named < 0 || Array.IndexOf(first, wanted, named + 1) >= 0)
                {
                    throw Error($"expected a header with one column named {Quoted(wanted)}, got {Quoted(string.Join(options.Delimiter, first))}.");
                }

                return named;
            }

            if (number < -_width || number >= _width)
            {
                throw Error(FormattableString.Invariant(
                    $"expected at least {(number < 0 ? -(long)number : number + 1L)} fields for label column {number}, got {_width}."));
            }

            return number < 0 ? number + _width : number;
        }

        private bool HasWordsForFeatures(string[] first)
        {
            for (int i = 0; i < first.Length; i++)
            {
                if (i != _labelColumn && !TryParse(first[i], out _))
                {
                    return true;
                }
            }

            return false;
        }

        private string Column(int index) =>
            _header is null
                ? string.Create(CultureInfo.InvariantCulture, $"column {index} (counted from 0)")
                : $"column {Quoted(_header[index])}";

        private static bool TryParse(ReadOnlySpan<char> field, out float value) =>
            float.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out value);

        private DataFormatException Error(string problem) => new(_path, problem, _records.Line);
    }
}
