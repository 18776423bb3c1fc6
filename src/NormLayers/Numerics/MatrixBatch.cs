namespace NormLayers.Numerics;

/// <summary>Matrices of one size that somebody else holds: matrix i begins at <c>Values[i·MatrixStride]</c>. Nothing is copied.</summary>
/// <remarks>The heads of an attention are such matrices: rows (H·D) apart, D columns each, and D from one head to the next.</remarks>
public readonly ref struct MatrixBatch
{
    /// <summary>Row-major matrices one after the other, without gaps.</summary>
    /// <param name="values">count·rows·columns elements.</param>
    /// <param name="count">How many, ≥ 0.</param>
    /// <param name="rows">The rows of each, ≥ 0.</param>
    /// <param name="columns">The columns of each, ≥ 0.</param>
    /// <exception cref="ArgumentException">Another number of elements.</exception>
    public MatrixBatch(ReadOnlySpan<float> values, int count, int rows, int columns)
        : this(values, count, rows, columns, columns, (int)Math.Clamp((long)rows * columns, 0, int.MaxValue))
    {
        Throw.IfLengthDiffers(values.Length, (count, rows, columns), nameof(values));
    }

    /// <summary>Row-major matrices with gaps, or between each other's rows.</summary>
    /// <param name="values">The elements from the first matrix's first on.</param>
    /// <param name="count">How many, ≥ 0.</param>
    /// <param name="rows">The rows of each, ≥ 0.</param>
    /// <param name="columns">The columns of each, ≥ 0.</param>
    /// <param name="rowStride">From one row to the next, ≥ <paramref name="columns"/>.</param>
    /// <param name="matrixStride">From one matrix to the next, ≥ 0; with 0 all are the same.</param>
    /// <exception cref="ArgumentException">Rows that overlap, a negative number, or too few elements.</exception>
    public MatrixBatch(ReadOnlySpan<float> values, int count, int rows, int columns, int rowStride, int matrixStride)
        : this(values, count, rows, columns, rowStride, 1, matrixStride)
    {
        int one = MatrixView.CheckLength(count == 0 ? long.MaxValue : values.Length, rows, columns, rowStride, nameof(values));
        if (count < 0 || matrixStride < 0)
        {
            Throw.Argument(count < 0 ? nameof(count) : nameof(matrixStride), "a number of matrices and a distance between them ≥ 0", $"{count} matrices, {matrixStride} apart");
        }

        long needed = one == 0 || count == 0 ? 0 : (count - 1L) * matrixStride + one;
        if (values.Length < needed)
        {
            Throw.Argument(nameof(values), $"at least {needed} elements for {count} matrices, {matrixStride} apart", $"{values.Length}");
        }

        Values = values[..(int)needed];
    }

    private MatrixBatch(ReadOnlySpan<float> values, int count, int rows, int columns, int rowStride, int columnStride, int matrixStride)
    {
        Values = values;
        (Count, Rows, Columns, RowStride, ColumnStride, MatrixStride) = (count, rows, columns, rowStride, columnStride, matrixStride);
    }

    /// <summary>The memory, from element (0, 0) of the first matrix on.</summary>
    public ReadOnlySpan<float> Values { get; }

    /// <summary>The number of matrices.</summary>
    public int Count { get; }

    /// <summary>The rows of each.</summary>
    public int Rows { get; }

    /// <summary>The columns of each.</summary>
    public int Columns { get; }

    /// <summary>From one row to the next.</summary>
    public int RowStride { get; }

    /// <summary>From one column to the next.</summary>
    public int ColumnStride { get; }

    /// <summary>From one matrix to the next.</summary>
    public int MatrixStride { get; }

    /// <summary>The transpose of each, of the same memory.</summary>
    public MatrixBatch Transpose() => new(Values, Count, Columns, Rows, ColumnStride, RowStride, MatrixStride);

    internal Factor Factor(int i) => new(Values.IsEmpty ? Values : Values[(i * MatrixStride)..], RowStride, ColumnStride);
}
