namespace NormLayers.Numerics;

/// <summary>A matrix that somebody else holds: element (i, j) is <c>Values[i·RowStride + j·ColumnStride]</c>. Nothing is copied.</summary>
/// <remarks>A slice of columns, as of one head of an attention, is the same memory with a larger <see cref="RowStride"/>; a transpose swaps the strides.</remarks>
public readonly ref struct MatrixView
{
    /// <summary>A row-major matrix without gaps.</summary>
    /// <param name="values">rows·columns elements.</param>
    /// <param name="rows">Its rows, ≥ 0.</param>
    /// <param name="columns">Its columns, ≥ 0.</param>
    /// <exception cref="ArgumentException">Another number of elements.</exception>
    public MatrixView(ReadOnlySpan<float> values, int rows, int columns)
        : this(values, rows, columns, columns)
    {
        Throw.IfLengthDiffers(values.Length, (rows, columns), nameof(values));
    }

    /// <summary>A row-major matrix whose rows begin <paramref name="rowStride"/> elements apart.</summary>
    /// <param name="values">The elements from the first on; what lies behind the last is not touched.</param>
    /// <param name="rows">Its rows, ≥ 0.</param>
    /// <param name="columns">Its columns, ≥ 0.</param>
    /// <param name="rowStride">From one row to the next, ≥ <paramref name="columns"/>.</param>
    /// <exception cref="ArgumentException">Rows that overlap, or too few elements.</exception>
    public MatrixView(ReadOnlySpan<float> values, int rows, int columns, int rowStride)
        : this(values, rows, columns, rowStride, 1)
    {
        Values = values[..CheckLength(values.Length, rows, columns, rowStride, nameof(values))];
    }

    private MatrixView(ReadOnlySpan<float> values, int rows, int columns, int rowStride, int columnStride)
    {
        Values = values;
        Rows = rows;
        Columns = columns;
        RowStride = rowStride;
        ColumnStride = columnStride;
    }

    /// <summary>The memory, from element (0, 0) on.</summary>
    public ReadOnlySpan<float> Values { get; }

    /// <summary>The number of rows.</summary>
    public int Rows { get; }

    /// <summary>The number of columns.</summary>
    public int Columns { get; }

    /// <summary>From one row to the next.</summary>
    public int RowStride { get; }

    /// <summary>From one column to the next.</summary>
    public int ColumnStride { get; }

    internal Factor Factor => new(Values, RowStride, ColumnStride);

    /// <summary>The transpose, of the same memory.</summary>
    public MatrixView Transpose() => new(Values, Columns, Rows, ColumnStride, RowStride);

    internal static int CheckLength(long length, int rows, int columns, int rowStride, string name)
    {
        if (rows < 0 || columns < 0 || rowStride < columns)
        {
            string wrong = rows < 0 ? nameof(rows) : columns < 0 ? nameof(columns) : nameof(rowStride);
            Throw.Argument(wrong, "rows and columns ≥ 0, and rows at least as far apart as they are long", $"{rows} rows, {columns} columns, {rowStride} apart");
        }

        long needed = rows == 0 || columns == 0 ? 0 : (long)(rows - 1) * rowStride + columns;
        if (length < needed)
        {
            Throw.Argument(name, $"at least {needed} elements for {rows} rows of {columns}, {rowStride} apart", $"{length}");
        }

        return (int)Math.Min(needed, int.MaxValue);
    }
}
