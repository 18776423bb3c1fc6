using System.Buffers;
using System.Globalization;

namespace NormLayers.Lab.Data;

/// <summary>The samples of a file of comma-separated values, while they are read.</summary>
internal sealed class CsvTable
{
    private const int NoColumn = -1;
    private const string Settle = "set the option 'header' (data.header) to true or false";

    private static readonly SearchValues<char> s_delimiters = SearchValues.Create(",;\t|");

    private readonly CsvRecords _records;
    private readonly string _path;
    private readonly CsvOptions _options;
    private readonly CsvNumber _numbers;
    private readonly long _firstLine;
    private readonly int _width;
    private readonly int _labelColumn;
    private readonly CsvFirstRow _first;
    private readonly List<double> _features = [];
    private readonly CsvLabels _labels;
    private readonly SampleFormat? _known;
    private string[]? _header;

    /// <summary>Looks at the first row, which has been read.</summary>
    /// <param name="records">The rows.</param>
    /// <param name="path">The file.</param>
    /// <param name="options">How to read it.</param>
    /// <param name="known">What the samples are for; null if they make classes of their own.</param>
    public CsvTable(CsvRecords records, string path, CsvOptions options, SampleFormat? known = null)
    {
        _known = known;
        (_records, _path, _options) = (records, path, options);
        _numbers = new CsvNumber(options.DecimalMark);
        _labels = new CsvLabels(_numbers);
        _firstLine = records.Line;
        _width = records.Count;
        if (_width < 2 && known is null)
        {
            throw Error($"expected a label and at least one feature separated by {DataText.Quote([options.Delimiter])}, got one field{DelimiterHint(records[0])}.");
        }

        string[] fields = [.. Enumerable.Range(0, _width).Select(i => records[i].ToString())];
        _labelColumn = known is null ? FindLabelColumn(fields, out bool byName) : FindLabelColumn(fields, known, out byName);
        _first = new CsvFirstRow(fields, _labelColumn, _numbers);
        string[] names = [.. FeaturesOf(fields)];
        bool asInTraining = known?.FeatureNames?.SequenceEqual(names) == true;
        if (options.Header ?? (byName || asInTraining || _first.Kind == CsvRowKind.Names))
        {
            _header = fields;
            CheckNames(names);
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
        CsvClasses classes = _labels.ToClasses();
        if (_header is null && _options.Header is null && _first.IsHeader(classes) is not false)
        {
            classes = TakeFirstAsHeader(classes);
        }

        if (classes.Names.Length < 2)
        {
            throw new DataFormatException(_path, $"expected two classes or more in {Column(_labelColumn)}, got only {DataText.Quote(classes.Names[0])}.");
        }

        LabelColumn labels = new(Column(_labelColumn), classes.Labels.Length, classes.Names.Length, classes.HasFractions);
        if (labels.IsNone)
        {
            throw new DataFormatException(_path, labels.Problem + "; choose another label column.");
        }

        DataOrigin origin = Origin([
            Summarize(classes.Labels.Length, DataText.DescribeClasses(classes.Names, classes.Labels, Column(_labelColumn))),
            .. Doubts(classes, labels),
        ]);
        return Dataset.FromDoubles(Path.GetFileName(_path), [.. _features], classes.Labels, _width - 1, classes.Names, origin);
    }

    /// <summary>The samples for a classifier, with its classes where there are labels.</summary>
    public SampleSet ToSamples()
    {
        CsvClasses classes = _labels.ToClasses();
        CsvLabelMap map = new(_known!.ClassNames, _numbers);
        if (_header is null && _options.Header is null && _first.NumbersAllColumns)
        {
            throw new DataFormatException(_path, "expected a header or a sample, got the numbers of the columns, which may be values: " + Settle, _firstLine);
        }

        if (_header is null && _options.Header is null && _labelColumn != NoColumn && _first.CountsColumns && _first.IsHeader(classes) == true
            && map.Find(classes.Texts[classes.Labels[0]]) is null)
        {
            TakeFirstAsHeader();
            classes = _labels.ToClasses();
        }

        int?[] indices = Array.ConvertAll(classes.Texts, map.Find);
        int unknown = Array.IndexOf(indices, null);
        string? problem = _labelColumn == NoColumn ? $"{Path.GetFileName(_path)} has no label column"
            : unknown >= 0 ? $"the label {DataText.Quote(classes.Names[unknown])} in {Column(_labelColumn)} is no class of the model"
            : null;
        int count = _features.Count / _known.FeatureCount;
        int[] labels = problem is null ? Array.ConvertAll(classes.Labels, c => indices[c]!.Value) : new int[count];
        DataOrigin origin = Origin([Summarize(count, _labelColumn == NoColumn ? "no label column" : $"the labels are in {Column(_labelColumn)}")]);
        return new SampleSet(Dataset.FromDoubles(Path.GetFileName(_path), [.. _features], labels, _known.FeatureCount, _known.ClassNames, origin), problem);
    }

    // The first row has been read as a sample; its label shows that it is a header, or that it may be one.
    private CsvClasses TakeFirstAsHeader(CsvClasses classes)
    {
        if (_first.IsHeader(classes) is null)
        {
            string got = _first.NumbersAllColumns ? "the numbers of the columns, which may be values" : $"numbers with the label {DataText.Quote(_first.Fields[_labelColumn])}, which no other line has";
            throw new DataFormatException(_path, $"expected a header or a sample, got {got}: {Settle}", _firstLine);
        }

        TakeFirstAsHeader();
        return _labels.ToClasses();
    }

    private void TakeFirstAsHeader()
    {
        _header = _first.Fields;
        CheckNames([.. FeaturesOf(_header)]);
        _features.RemoveRange(0, _width - 1);
        _labels.RemoveFirst();
    }

    private IEnumerable<string> FeaturesOf(string[] fields) => fields.Where((_, i) => i != _labelColumn);

    // Columns in another order would be taken for one another.
    private void CheckNames(string[] names)
    {
        if (_known?.FeatureNames is { } expected && expected.Zip(names).FirstOrDefault(n => n.First != n.Second) is { First: { } name, Second: var found })
        {
            throw new DataFormatException(_path, $"expected the features in the order of the training, {DataText.Quote(name)} where {DataText.Quote(found)} is.", _firstLine);
        }
    }

    private DataOrigin Origin(IReadOnlyList<string> remarks) => new()
    {
        Header = _header is not null,
        LabelColumn = _labelColumn == NoColumn ? null : _header?[_labelColumn] ?? _labelColumn.ToString(CultureInfo.InvariantCulture),
        LabelIndex = _labelColumn == NoColumn ? null : _labelColumn,
        FeatureNames = _header is null ? null : [.. FeaturesOf(_header)],
        Remarks = remarks,
    };

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
                if (!_numbers.TryParse(field, out double value))
                {
                    throw Error($"expected a finite number in {Column(i)}, got {DataText.Quote(field)}{Hint(field)}.");
                }

                _features.Add(value);
            }
            else if (field.IsEmpty && _known is null)
            {
                throw Error($"expected a class label in {Column(i)}, got nothing.");
            }
            else
            {
                _labels.Add(field);
            }
        }
    }

    private string Hint(ReadOnlySpan<char> field) =>
        _records.Line == _firstLine && _options.Header is null ? $"; if this line names the columns: {Settle}"
        : _numbers.HasOtherMark(field) ? $" (a decimal {(_options.DecimalMark == ',' ? "point" : "comma")}? set the decimal mark, data.decimal_mark)"
        : DelimiterHint(field);

    // What separates the numbers of a field that should be one number.
    private string DelimiterHint(ReadOnlySpan<char> field)
    {
        int found = field.IndexOfAny(s_delimiters);
        return found < 0 || field[found] == _options.Delimiter ? "" : $" (fields separated by {(field[found] == '\t' ? "tabs" : DataText.Quote([field[found]]))}? set the delimiter, data.delimiter)";
    }

    private int FindLabelColumn(string[] first, out bool byName)
    {
        string wanted = _options.LabelColumn ?? "-1";
        byName = !int.TryParse(wanted, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number);
        if (byName)
        {
            int named = _options.Header == false ? -1 : Array.IndexOf(first, wanted);
            if (named < 0 || Array.IndexOf(first, wanted, named + 1) >= 0)
            {
                string near = named < 0 && _options.Header != false ? NearestName.Hint(wanted, first) : "";
                throw Error($"expected a header with one column named {DataText.Quote(wanted)}, got {DataText.Quote(string.Join(_options.Delimiter, first))}{(near.Length > 0 ? near : ".")}");
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

    // A file for a classifier has its labels where the header says, or where they were in training, or none.
    private int FindLabelColumn(string[] first, SampleFormat known, out bool byName)
    {
        // The training's name may be missing, with the labels; any other name is of a column here, or misspelt.
        int named = IsName(_options.LabelColumn) && _options.LabelColumn != known.LabelColumn ? FindLabelColumn(first, out _)
            : IsName(known.LabelColumn) && _options.Header != false ? Array.IndexOf(first, known.LabelColumn)
            : NoColumn;
        byName = named >= 0;
        int features = byName ? _width - 1 : _width;
        if (features == known.FeatureCount)
        {
            return named;
        }

        if (byName || features != known.FeatureCount + 1)
        {
            throw Error(FormattableString.Invariant(
                $"expected {known.FeatureCount} features as the model takes{(byName ? $" beside the label {DataText.Quote(first[named])}" : ", and one label or none")}, got {features} {(byName ? "features" : "fields")}{(_width == 1 ? DelimiterHint(_records[0]) : "")}."));
        }

        return _options.LabelColumn is not null ? FindLabelColumn(first, out byName) : known.LabelIndex is { } index && index < _width ? index : _width - 1;
    }

    private static bool IsName(string? column) => column is not null && !int.TryParse(column, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _);

    private string Summarize(int count, string labels) => FormattableString.Invariant(
        $"{Path.GetFileName(_path)}: line {_firstLine} is {(_header is null ? "a sample, there is no header" : "the header")}; fields separated by {DataText.Quote([_options.Delimiter])}; ")
        + FormattableString.Invariant($"{count} samples of {_first.FeatureCount} features; ")
        + labels;

    private IEnumerable<string> Doubts(CsvClasses classes, LabelColumn labels)
    {
        if (labels.IsDoubtful)
        {
            yield return labels.Problem;
        }

        if (Array.Find(classes.Texts, t => t.Length > 1) is { } same)
        {
            yield return $"in {Column(_labelColumn)} {DataText.Quote(same[0])} and {DataText.Quote(same[1])} are one number, and so one class";
        }

        if (classes.Names.GroupBy(n => n, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1) is { } alike)
        {
            yield return $"in {Column(_labelColumn)} {DataText.Quote(alike.First())} and {DataText.Quote(alike.Last())} differ in case only, and are {alike.Count()} classes";
        }

        if (classes.Words > 0 && classes.Numbers > 0)
        {
            yield return FormattableString.Invariant(
                $"{Column(_labelColumn)} has {classes.Words} words among {classes.Numbers} numbers, so its labels are compared as text");
        }

        if (Array.Find(classes.Names, _numbers.IsMissing) is { } missing)
        {
            yield return $"in {Column(_labelColumn)} {DataText.Quote(missing)} looks like a missing label; it is taken for a class";
        }
    }

    private string Column(int index) =>
        _header is null
            ? string.Create(CultureInfo.InvariantCulture, $"column {index} (counted from 0)")
            : $"column {DataText.Quote(_header[index])}";

    private DataFormatException Error(string problem) => new(_path, problem, _records.Line);
}
