namespace NormLayers.Lab.Data;

/// <summary>What the first row of a file can be, by its cells alone.</summary>
internal enum CsvRowKind
{
    /// <summary>Every feature is a finite number: a sample, or a header of numbers.</summary>
    Numbers,

    /// <summary>No feature is a number, and one at least is a word: a header.</summary>
    Names,

    /// <summary>Anything between, such as a sample with a missing or a damaged value.</summary>
    Unclear,
}

/// <summary>The first row of a file, which is a header or a sample. A label column of −1 is none.</summary>
internal sealed class CsvFirstRow
{
    private readonly int _labelColumn;
    private readonly double[] _numbers;

    public CsvFirstRow(string[] fields, int labelColumn, CsvNumber numbers)
    {
        _labelColumn = labelColumn;
        Fields = fields;
        _numbers = Array.ConvertAll(fields, f => numbers.TryParse(f, out double value) ? value : double.NaN);
        bool[] isFeature = [.. Enumerable.Range(0, fields.Length).Select(i => i != labelColumn)];
        FeatureCount = isFeature.Count(f => f);
        int finite = _numbers.Where((v, i) => isFeature[i] && double.IsFinite(v)).Count();
        Kind = finite == FeatureCount ? CsvRowKind.Numbers
            : finite > 0 || fields.Where((f, i) => isFeature[i] && numbers.IsDamaged(f)).Any() ? CsvRowKind.Unclear
            : fields.Where((f, i) => isFeature[i] && !numbers.IsMissing(f)).Any() ? CsvRowKind.Names
            : CsvRowKind.Unclear;
    }

    public string[] Fields { get; }

    public CsvRowKind Kind { get; }

    public int FeatureCount { get; }

    /// <summary>Whether the features count the columns from 0, as in <c>0,1,2,target</c>.</summary>
    public bool CountsColumns => _numbers.Length > 2 && Counts(0);

    /// <summary>Whether all cells, that of the label too, are the places of their columns, counted from 0, as in <c>0,1,2</c>.</summary>
    public bool NumbersAllColumns => _numbers.Length > 2 && _numbers.Index().All(n => n.Item == n.Index);

    /// <summary>Whether a row of numbers is a header after all: its label tells, beside the labels of all rows. Null if it could be either.</summary>
    /// <remarks>
    /// A label that no other row has, while the others repeat, or the one word among numbers, may be the name of the column. The features are the names
    /// then if they count the columns from 0, as tables without names are written. A row that counts all its columns may be either, and so may numbers one
    /// after the other, such as years, with a label of their own.
    /// </remarks>
    public bool? IsHeader(CsvClasses classes)
    {
        int[] labels = classes.Labels;
        bool alone = Array.LastIndexOf(labels, labels[0]) == 0 && classes.Texts[labels[0]].Length == 1;
        bool othersRepeat = labels.Length - 1 >= 2 * (classes.Texts.Length - 1);
        bool isWord = double.IsNaN(_numbers[_labelColumn]);
        bool onlyWord = isWord && classes.Words == 1 && classes.Numbers > 0;
        if (NumbersAllColumns)
        {
            return null;
        }

        if (classes.Texts.Length < 2 || !alone || !(othersRepeat || onlyWord))
        {
            return false;
        }

        return !isWord ? Counts(0) || Counts(1) || (_numbers.Length > 2 && Counts((int)Math.Clamp(_numbers[0], 0, int.MaxValue / 2))) ? null : false
            : CountsColumns ? true
            : null;
    }

    // Whether the numbers count the columns: by their place, or one after the other past the label.
    private bool Counts(int start)
    {
        bool byPlace = true;
        bool inOrder = true;
        int next = start;
        for (int i = 0; i < _numbers.Length; i++)
        {
            if (i != _labelColumn || double.IsFinite(_numbers[i]))
            {
                byPlace &= _numbers[i] == i + start;
                inOrder &= _numbers[i] == next++;
            }
        }

        return byPlace || inOrder;
    }
}
