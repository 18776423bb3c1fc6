namespace NormLayers.Numerics;

/// <summary>Products of row-major float matrices, with the same bits on any number of threads, at any vector width and in any batch.</summary>
/// <remarks>
/// <para>Every element of C is a sum of chains of fused multiply-adds over at most <see cref="Chain"/> inner indices in order. The first chain begins at
/// what C held, every other at 0 and is added to C. Its bits depend on no tile, vector width, thread, nor on which other rows share the batch. Its error grows
/// with <see cref="Chain"/> + K/<see cref="Chain"/> in place of K.</para>
/// <para>B is packed in panels as wide as a tile (sixteen columns, or 32 with vectors of 512 bits), padded with
/// zeros, so that a tile reads it in order; the next panel is prefetched where B comes from memory. Weights that stay the same are
/// packed once: <see cref="PackedMatrix"/>. A is read where it lies, or where its columns lie far apart and each is read often, from a copy of
/// <see cref="ProductKernel.ShortPanel"/> inner indices, for which the calling thread keeps a buffer. A tile keeps its piece of C in registers while it walks down
/// the panel.</para>
/// </remarks>
public static class MatrixProduct
{
    /// <summary>The most products that are added one to the other before their sum goes to C.</summary>
    public const int Chain = 128;

    private const int NarrowColumns = 16;

    // Columns that lie so far apart are on so many pages of memory that the processor forgets where a page is before the next tile
    // comes back to it: where that happens often enough, A is packed first.
    private const int FarColumns = 512;
    private const int ManyColumns = 256;

    [ThreadStatic]
    private static AlignedBuffer _packed;

    /// <summary>C = A·B: overwrites the elements of C and nothing between its rows.</summary>
    /// <param name="a">(N, K).</param>
    /// <param name="b">(K, M).</param>
    /// <param name="c">Row-major (N, M), apart from the memory of <paramref name="a"/> and <paramref name="b"/>.</param>
    /// <param name="rowStride">From one row of C to the next, ≥ M; 0 means M.</param>
    /// <exception cref="ArgumentException">Dimensions that do not meet, too small a C, or memory that overlaps.</exception>
    public static void Multiply(MatrixView a, MatrixView b, Span<float> c, int rowStride = 0)
    {
        int stride = Check(a, b, c, rowStride);
        Multiply(a.Factor, b.Factor, new ProductSize(a.Rows, b.Columns, a.Columns), new ProductTarget(c, stride, 1));
    }

    /// <summary>C += A·B: <b>adds to</b> the elements of C.</summary>
    /// <param name="a">(N, K).</param>
    /// <param name="b">(K, M).</param>
    /// <param name="c">Row-major (N, M), apart from the memory of <paramref name="a"/> and <paramref name="b"/>.</param>
    /// <param name="rowStride">From one row of C to the next, ≥ M; 0 means M.</param>
    /// <exception cref="ArgumentException">Dimensions that do not meet, too small a C, or memory that overlaps.</exception>
    public static void MultiplyAdd(MatrixView a, MatrixView b, Span<float> c, int rowStride = 0)
    {
        int stride = Check(a, b, c, rowStride);
        MultiplyAdd(a.Factor, b.Factor, new ProductSize(a.Rows, b.Columns, a.Columns), new ProductTarget(c, stride, 1));
    }

    /// <summary>C = A·B for each pair of matrices: overwrites the elements of every C and nothing between them.</summary>
    /// <param name="a">Matrices (N, K).</param>
    /// <param name="b">As many matrices (K, M). One matrix for all of the others, of either side, is a batch of that count whose <see cref="MatrixBatch.MatrixStride"/> is 0.</param>
    /// <param name="c">Row-major matrices (N, M), apart from the memory of <paramref name="a"/> and <paramref name="b"/>.</param>
    /// <param name="rowStride">From one row of a C to the next, ≥ M; 0 means M.</param>
    /// <param name="matrixStride">
    /// From one C to the next: behind the one before, or beside it between its rows, as heads of an attention are; 0 means N·<paramref name="rowStride"/>.
    /// </param>
    /// <exception cref="ArgumentException">Dimensions or counts that do not meet, too small a C, matrices of C that overlap, or memory that overlaps.</exception>
    /// <remarks>Each has the bits of a product by itself. Threads take matrices where there are enough of them, else parts of each.</remarks>
    public static void MultiplyBatch(MatrixBatch a, MatrixBatch b, Span<float> c, int rowStride = 0, int matrixStride = 0)
    {
        ProductBatch batch = Check(a, b, c, rowStride, matrixStride);
        if (a.Rows == 0 || b.Columns == 0)
        {
            return;
        }

        if (a.Count >= Threads.LimitHere && a.Columns > 0)
        {
            Kernels.Run(ref batch, a.Count, batch.Work);
            return;
        }

        for (int i = 0; i < a.Count; i++)
        {
            Multiply(a.Factor(i), b.Factor(i), batch.Size, batch.Target(i));
        }
    }

    /// <summary>y = x·wᵀ + bias: overwrites <paramref name="y"/>.</summary>
    /// <param name="x">(N, K).</param>
    /// <param name="w">(M, K).</param>
    /// <param name="bias">(M); empty means zeros.</param>
    /// <param name="inner">K.</param>
    /// <param name="y">(N, M).</param>
    internal static void MultiplyTransposed(ReadOnlySpan<float> x, ReadOnlySpan<float> w, ReadOnlySpan<float> bias, int inner, Span<float> y)
    {
        int M = w.Length / inner;
        if (!bias.IsEmpty)
        {
            Throw.IfLengthDiffers(bias.Length, M, nameof(bias));
        }

        Multiply(new Factor(x, inner, 1), new Factor(w, 1, inner), new ProductSize(x.Length / inner, M, inner), new ProductTarget(y, M, 1), bias);
    }

    /// <summary>dx = dy·w: overwrites <paramref name="dx"/>.</summary>
    /// <param name="dy">(N, M).</param>
    /// <param name="w">(M, K).</param>
    /// <param name="inner">K.</param>
    /// <param name="dx">(N, K).</param>
    internal static void Multiply(ReadOnlySpan<float> dy, ReadOnlySpan<float> w, int inner, Span<float> dx)
    {
        int M = w.Length / inner;
        Multiply(new Factor(dy, M, 1), new Factor(w, inner, 1), new ProductSize(dy.Length / M, inner, M), new ProductTarget(dx, inner, 1));
    }

    /// <summary>dw += dyᵀ·x: <b>adds to</b> <paramref name="dw"/>.</summary>
    /// <param name="dy">(N, M).</param>
    /// <param name="x">(N, K).</param>
    /// <param name="inner">K.</param>
    /// <param name="dw">(M, K).</param>
    internal static void AddTransposedProduct(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, int inner, Span<float> dw)
    {
        int M = dw.Length / inner;
        MultiplyAdd(new Factor(dy, 1, M), new Factor(x, inner, 1), new ProductSize(M, inner, x.Length / inner), new ProductTarget(dw, inner, 1));
    }

    internal static void CheckApart(ReadOnlySpan<float> read, ReadOnlySpan<float> c, string name)
    {
        if (read.Overlaps(c))
        {
            Throw.Argument(name, "memory apart from all that is read", "memory that overlaps it");
        }
    }

    private static int Check(MatrixView a, MatrixView b, ReadOnlySpan<float> c, int rowStride)
    {
        if (a.Columns != b.Rows)
        {
            Throw.Argument(nameof(b), $"{a.Columns} rows, as many as a has columns", $"{b.Rows}");
        }

        int stride = rowStride == 0 ? b.Columns : rowStride;
        MatrixView.CheckLength(c.Length, a.Rows, b.Columns, stride, nameof(c));
        CheckApart(a.Values, c, nameof(c));
        CheckApart(b.Values, c, nameof(c));
        return stride;
    }

    private static ProductBatch Check(MatrixBatch a, MatrixBatch b, Span<float> c, int rowStride, int matrixStride)
    {
        if (a.Columns != b.Rows || a.Count != b.Count)
        {
            string broadcast = a.Count == b.Count ? "" : " (one matrix for all is a batch of that count with matrixStride 0)";
            Throw.Argument(nameof(b), $"{a.Count} matrices of {a.Columns} rows, as many as a's have columns{broadcast}", $"{b.Count} of {b.Rows}");
        }

        int stride = rowStride == 0 ? b.Columns : rowStride;
        int one = MatrixView.CheckLength(a.Count == 0 ? int.MaxValue : c.Length, a.Rows, b.Columns, stride, nameof(c));
        long next = matrixStride == 0 ? (long)a.Rows * stride : matrixStride;
        bool behind = next >= one;
        bool beside = next >= b.Columns && (a.Count - 1) * next + b.Columns <= stride;
        long needed = one == 0 || a.Count == 0 ? 0 : (a.Count - 1) * next + one;
        bool overlap = a.Count > 1 && !behind && !beside;
        if (overlap || c.Length < needed)
        {
            Throw.Argument(overlap ? nameof(matrixStride) : nameof(c), $"{a.Count} matrices of {a.Rows} rows of {b.Columns}, apart from each other", $"{c.Length} elements, with rows {stride} and matrices {next} apart");
        }

        CheckApart(a.Values, c, nameof(c));
        CheckApart(b.Values, c, nameof(c));
        return new ProductBatch { A = a, B = b, C = c, RowStride = stride, MatrixStride = (int)Math.Min(next, int.MaxValue) };
    }

    /// <summary>Whether a narrow C would leave most of a tile's columns empty, so that its transpose is computed: Cᵀ += Bᵀ·Aᵀ, by the same chains.</summary>
    internal static bool IsNarrow(ProductSize size) => size.Columns < NarrowColumns && size.Rows > size.Columns;

    // C = A·B + bias, whatever C holds.
    private static void Multiply(Factor a, Factor b, ProductSize size, ProductTarget c, ReadOnlySpan<float> bias = default)
    {
        bool narrow = IsNarrow(size);
        if (size.Inner == 0 || (narrow && !bias.IsEmpty))
        {
            for (int row = 0; row < size.Rows; row++)
            {
                Span<float> values = c.Values.Slice(row * c.RowStride, size.Columns);
                values.Clear();
                bias.CopyTo(values);
            }

            MultiplyAdd(a, b, size, c);
        }
        else if (narrow)
        {
            Run(b.Transpose(), a.Transpose(), size.Transpose(), c.Transpose(), overwrites: true, default);
        }
        else
        {
            Run(a, b, size, c, overwrites: true, bias);
        }
    }

    private static void MultiplyAdd(Factor a, Factor b, ProductSize size, ProductTarget c)
    {
        if (IsNarrow(size))
        {
            Run(b.Transpose(), a.Transpose(), size.Transpose(), c.Transpose(), overwrites: false, default);
        }
        else
        {
            Run(a, b, size, c, overwrites: false, default);
        }
    }

    private static void Run(Factor a, Factor b, ProductSize size, ProductTarget c, bool overwrites, ReadOnlySpan<float> bias)
    {
        if (a.ColumnStride < FarColumns || size.Columns < ManyColumns)
        {
            ProductKernel.Run(new ProductKernel { A = a, B = b, Size = size, C = c, Begins = true, Overwrites = overwrites, Bias = bias });
            return;
        }

        for (int k = 0; k < size.Inner; k += ProductKernel.ShortPanel)
        {
            ProductSize chunk = size with { Inner = Math.Min(ProductKernel.ShortPanel, size.Inner - k) };
            Span<float> packed = _packed.FloatsAtLeast(RowPacking.Length(chunk));
            RowPacking packing = new(a.From(0, k), chunk, packed);
            Kernels.Run(ref packing, RowPacking.Units(chunk), packed.Length);
            ProductKernel.Run(new ProductKernel
            {
                A = a,
                PackedRows = packed,
                B = b.From(k, 0),
                Size = chunk,
                C = c,
                Begins = k == 0,
                Overwrites = overwrites,
                Bias = bias,
            });
        }
    }
}
