using System.Text;

namespace NormLayers.Lab.Data;

/// <summary>Reads labelled samples from comma-separated values (RFC 4180), one sample a row.</summary>
/// <remarks>
/// Features are numbers as in <c>-1.5e3</c>, whatever the computer's language, and are kept in double; labels are numbers or words.
/// Classes are numbered from 0 in the order of their numbers or, if any label is a word, in the ordinal order of the words.
/// Two texts are one class only if they are the same or exactly the same number, as 1 and 1.0 are. UTF-8; quoted fields, any line
/// ending, a byte order mark, and blank lines are accepted. No sample is left out: a missing or non-finite feature is an error.
/// What had to be decided is in <see cref="Dataset.Origin"/>.
/// </remarks>
public static class CsvData
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">The file; one that is gzip by its content or its name, <c>.gz</c>, is unpacked.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <returns>The samples, in the order of the file, named after it.</returns>
    /// <exception cref="DataFormatException">The file cannot be read, or does not hold labelled samples of two or more classes.</exception>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static Dataset Read(string path, CsvOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return DataFile.Read(path, stream => Read(stream, path, options));
    }

    /// <summary>Reads a file of samples for a classifier, with labels or without.</summary>
    /// <param name="path">The file; one that is gzip by its content or its name, <c>.gz</c>, is unpacked.</param>
    /// <param name="format">What the classifier takes.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <returns>
    /// The samples, in the order of the file. A column more than the classifier has features holds labels: the one that the header names as
    /// <see cref="CsvOptions.LabelColumn"/> or as in training, or else the one in the same place. The remarks say which. A name other than
    /// the training's must be in the header.
    /// </returns>
    /// <exception cref="DataFormatException">The file cannot be read, or holds other features.</exception>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static SampleSet ReadSamples(string path, SampleFormat format, CsvOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(format);
        return DataFile.Read(path, stream => Read(stream, reader => ReadTable(reader, path, options, format).ToSamples()));
    }

    /// <summary>Reads a text.</summary>
    /// <param name="reader">The text; read to its end, and left open.</param>
    /// <param name="path">What errors call it, and whose last part names the data set.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <returns>The samples, in the order of the text.</returns>
    /// <exception cref="DataFormatException">The text does not hold labelled samples of two or more classes.</exception>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static Dataset Read(TextReader reader, string path, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(reader);
        ArgumentNullException.ThrowIfNull(path);
        return ReadTable(reader, path, options, known: null).ToDataset();
    }

    internal static Dataset Read(Stream stream, string path, CsvOptions? options) =>
        Read(stream, reader => Read(reader, path, options));

    private static T Read<T>(Stream stream, Func<TextReader, T> read)
    {
        UTF8Encoding strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        using StreamReader reader = new(stream, strict, detectEncodingFromByteOrderMarks: false);
        return read(reader);
    }

    private static CsvTable ReadTable(TextReader reader, string path, CsvOptions? options, SampleFormat? known)
    {
        options ??= new CsvOptions();
        Check(options);
        CsvRecords records = new(reader, path, options.Delimiter);
        for (int i = 0; i < options.SkipLines && records.SkipLine(); i++)
        {
        }

        if (!records.Read())
        {
            string got = options.SkipLines == 0 ? "an empty file" : FormattableString.Invariant($"none after the {options.SkipLines} lines to skip (data.skip_lines)");
            throw new DataFormatException(path, $"expected rows of {(known is null ? "labelled " : "")}samples, got {got}.");
        }

        CsvTable table = new(records, path, options, known);
        table.ReadRows();
        return table;
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

        if (options.DecimalMark is not ('.' or ','))
        {
            Throw.Argument(nameof(options.DecimalMark), "a point or a comma", $"U+{(int)options.DecimalMark:X4}");
        }
    }
}
