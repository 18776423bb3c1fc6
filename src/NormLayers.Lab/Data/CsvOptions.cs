namespace NormLayers.Lab.Data;

/// <summary>How a file of comma-separated values is read.</summary>
public sealed record CsvOptions
{
    /// <summary>
    /// The column of the class labels: its number, counted from 0, or backwards from −1, the last one; anything else is a
    /// name in the header. Null is the last column.
    /// </summary>
    public string? LabelColumn { get; init; }

    /// <summary>
    /// Whether the first row names the columns. Null finds out: it does if <see cref="LabelColumn"/> is a name, if its features
    /// are words and no numbers, or if its features count the columns from 0 and its label is a word that no sample has. A row that
    /// is neither clearly a header nor clearly a sample, such as one that counts all columns, is an error.
    /// </summary>
    public bool? Header { get; init; }

    /// <summary>The lines to pass over at the start of the file, before any header, ≥ 0.</summary>
    public int SkipLines { get; init; }

    /// <summary>What separates fields: any character but a quote or a line break.</summary>
    public char Delimiter { get; init; } = ',';

    /// <summary>What separates the fraction of a number: a point or a comma.</summary>
    public char DecimalMark { get; init; } = '.';
}
