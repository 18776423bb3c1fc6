using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>The three products of a linear layer's training step, on row-major float matrices.</summary>
/// <remarks>
/// <para>All three are C += A·B. Every element of C is one chain of fused multiply-adds over the inner index in order, starting
/// at what C held: its bits depend on no tile, vector width, thread, nor on which other rows share the batch.</para>
/// <para>B is packed in panels of <see cref="PanelRows"/> inner indices by sixteen columns (two such panels side by side where
/// the processor has 512-bit vectors), padded with zeros, so that a tile reads it in order; A is read where it lies. A tile
/// keeps its piece of C in registers while it walks down the panel; where C has fewer rows than the tile, the last one is
/// computed several times over, to the same result.</para>
/// </remarks>
internal static class MatrixProduct
{
    private const int PanelRows = 256;

    /// <summary>y = x·wᵀ + bias: overwrites <paramref name="y"/>.</summary>
    /// <param name="x">(N, K).</param>
    /// <param name="w">(M, K).</param>
    /// <param name="bias">(M); empty means zeros.</param>
    /// <param name="inner">K.</param>
    /// <param name="y">(N, M).</param>
    public static void MultiplyTransposed(ReadOnlySpan<float> x, ReadOnlySpan<float> w, ReadOnlySpan<float> bias, int inner, Span<float> y)
    {
        int M = w.Length / inner;
        for (int start = 0; start < y.Length; start += M)
        {
            if (bias.IsEmpty)
            {
                y.Slice(start, M).Clear();
            }
            else
            {
                bias.CopyTo(y.Slice(start, M));
            }
        }

        MultiplyAdd(new Factor(x, inner, 1), new Factor(w, 1, inner), new Size(x.Length / inner, M, inner), y);
    }

    /// <summary>dx = dy·w: overwrites <paramref name="dx"/>.</summary>
    /// <param name="dy">(N, M).</param>
    /// <param name="w">(M, K).</param>
    /// <param name="inner">K.</param>
    /// <param name="dx">(N, K).</param>
    public static void Multiply(ReadOnlySpan<float> dy, ReadOnlySpan<float> w, int inner, Span<float> dx)
    {
        int M = w.Length / inner;
        dx.Clear();
        MultiplyAdd(new Factor(dy, M, 1), new Factor(w, inner, 1), new Size(dy.Length / M, inner, M), dx);
    }

    /// <summary>dw += dyᵀ·x: <b>adds to</b> <paramref name="dw"/>.</summary>
    /// <param name="dy">(N, M).</param>
    /// <param name="x">(N, K).</param>
    /// <param name="inner">K.</param>
    /// <param name="dw">(M, K).</param>
    public static void AddTransposedProduct(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, int inner, Span<float> dw)
    {
        int M = dw.Length / inner;
        MultiplyAdd(new Factor(dy, 1, M), new Factor(x, inner, 1), new Size(M, inner, x.Length / inner), dw);
    }

    private static void MultiplyAdd(Factor a, Factor b, Size size, Span<float> c)
    {
        switch (VectorWidth.Bits)
        {
            case 512: MultiplyAdd<Lanes512, WideTile<Lanes512>>(a, b, size, c); break;
            case 256: MultiplyAdd<Lanes256, NarrowTile<Lanes256>>(a, b, size, c); break;
            case 128: MultiplyAdd<Lanes128, NarrowTile<Lanes128>>(a, b, size, c); break;
            default: MultiplyAdd<LanesScalar, NarrowTile<LanesScalar>>(a, b, size, c); break;
        }
    }

    [SkipLocalsInit]
    private static void MultiplyAdd<L, T>(Factor a, Factor b, Size size, Span<float> c)
        where L : struct, ILanes<L>
        where T : struct, ITile
    {
        Span<float> panel = stackalloc float[PanelRows * T.Columns];
        Span<float> edge = stackalloc float[T.Rows * T.Columns];
        for (int k = 0; k < size.Inner; k += PanelRows)
        {
            int depth = Math.Min(PanelRows, size.Inner - k);
            for (int j = 0; j < size.Columns; j += T.Columns)
            {
                int columns = Math.Min(T.Columns, size.Columns - j);
                Pack(b, k, depth, j, columns, T.Columns, panel);
                for (int i = 0; i < size.Rows; i += T.Rows)
                {
                    int rows = Math.Min(T.Rows, size.Rows - i);
                    ReadOnlySpan<float> aTile = a.From(i, k);
                    if (columns == T.Columns)
                    {
                        T.MultiplyAdd(aTile, a.RowStride, a.ColumnStride, panel, depth, rows, c[(i * size.Columns + j)..], size.Columns);
                        continue;
                    }

                    // A tile wider than what is left of C works on a copy.
                    CopyBlock(c[(i * size.Columns + j)..], size.Columns, rows, columns, edge, T.Columns);
                    T.MultiplyAdd(aTile, a.RowStride, a.ColumnStride, panel, depth, rows, edge, T.Columns);
                    CopyBlock(edge, T.Columns, rows, columns, c[(i * size.Columns + j)..], size.Columns);
                }
            }
        }
    }

    private static void Pack(Factor b, int k, int depth, int j, int columns, int width, Span<float> panel)
    {
        if (columns < width)
        {
            panel[..(depth * width)].Clear();
        }

        if (b.ColumnStride == 1)
        {
            CopyBlock(b.From(k, j), b.RowStride, depth, columns, panel, width);
            return;
        }

        for (int column = 0; column < columns; column++)
        {
            ReadOnlySpan<float> source = b.From(k, j + column)[..depth];
            for (int row = 0; row < source.Length; row++)
            {
                panel[row * width + column] = source[row];
            }
        }
    }

    private static void CopyBlock(ReadOnlySpan<float> source, int sourceStride, int rows, int columns, Span<float> destination, int destinationStride)
    {
        for (int row = 0; row < rows; row++)
        {
            source.Slice(row * sourceStride, columns).CopyTo(destination[(row * destinationStride)..]);
        }
    }

    private readonly record struct Size(int Rows, int Columns, int Inner);

    /// <summary>A matrix or its transpose: element (i, j) stands at i·RowStride + j·ColumnStride.</summary>
    private readonly ref struct Factor(ReadOnlySpan<float> values, int rowStride, int columnStride)
    {
        private readonly ReadOnlySpan<float> _values = values;

        public int RowStride { get; } = rowStride;

        public int ColumnStride { get; } = columnStride;

        public ReadOnlySpan<float> From(int row, int column) => _values[(row * RowStride + column * ColumnStride)..];
    }

    /// <summary>C += A·B for one small block of C.</summary>
    private interface ITile
    {
        static abstract int Rows { get; }

        static abstract int Columns { get; }

        static abstract void MultiplyAdd(
            ReadOnlySpan<float> a, int rowStride, int columnStride, ReadOnlySpan<float> panel, int depth, int rows, Span<float> c, int cStride);
    }

    /// <summary>8 rows by 32 columns: 16 registers of 512 bits for C, two for B.</summary>
    private readonly struct WideTile<L> : ITile
        where L : struct, ILanes<L>
    {
        public static int Rows => 8;

        public static int Columns => 32;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public static void MultiplyAdd(
            ReadOnlySpan<float> a, int rowStride, int columnStride, ReadOnlySpan<float> panel, int depth, int rows, Span<float> c, int cStride)
        {
            ref readonly float b0 = ref MemoryMarshal.GetReference(panel);
            ref float c0 = ref MemoryMarshal.GetReference(c);
            ref readonly float a0 = ref MemoryMarshal.GetReference(a);
            int last = rows - 1;
            int r1 = Math.Min(1, last);
            int r2 = Math.Min(2, last);
            int r3 = Math.Min(3, last);
            int r4 = Math.Min(4, last);
            int r5 = Math.Min(5, last);
            int r6 = Math.Min(6, last);
            int r7 = Math.Min(7, last);
            Pair<L> s0 = Pair<L>.Load(in c0, 0);
            Pair<L> s1 = Pair<L>.Load(in c0, r1 * cStride);
            Pair<L> s2 = Pair<L>.Load(in c0, r2 * cStride);
            Pair<L> s3 = Pair<L>.Load(in c0, r3 * cStride);
            Pair<L> s4 = Pair<L>.Load(in c0, r4 * cStride);
            Pair<L> s5 = Pair<L>.Load(in c0, r5 * cStride);
            Pair<L> s6 = Pair<L>.Load(in c0, r6 * cStride);
            Pair<L> s7 = Pair<L>.Load(in c0, r7 * cStride);
            (int o1, int o2, int o3, int o4) = (r1 * rowStride, r2 * rowStride, r3 * rowStride, r4 * rowStride);
            (int o5, int o6, int o7) = (r5 * rowStride, r6 * rowStride, r7 * rowStride);
            for (int k = 0, i = 0; k < depth; k++, i += columnStride)
            {
                // c[r, 0..32] += a[r, k] * b[k, 0..32]
                Pair<L> b = Pair<L>.Load(in b0, k * 32);
                ref readonly float column = ref Unsafe.Add(ref Unsafe.AsRef(in a0), i);
                Pair<L>.Add(ref s0, column, b);
                Pair<L>.Add(ref s1, Unsafe.Add(ref Unsafe.AsRef(in column), o1), b);
                Pair<L>.Add(ref s2, Unsafe.Add(ref Unsafe.AsRef(in column), o2), b);
                Pair<L>.Add(ref s3, Unsafe.Add(ref Unsafe.AsRef(in column), o3), b);
                Pair<L>.Add(ref s4, Unsafe.Add(ref Unsafe.AsRef(in column), o4), b);
                Pair<L>.Add(ref s5, Unsafe.Add(ref Unsafe.AsRef(in column), o5), b);
                Pair<L>.Add(ref s6, Unsafe.Add(ref Unsafe.AsRef(in column), o6), b);
                Pair<L>.Add(ref s7, Unsafe.Add(ref Unsafe.AsRef(in column), o7), b);
            }

            Pair<L>.Store(s7, ref c0, r7 * cStride);
            Pair<L>.Store(s6, ref c0, r6 * cStride);
            Pair<L>.Store(s5, ref c0, r5 * cStride);
            Pair<L>.Store(s4, ref c0, r4 * cStride);
            Pair<L>.Store(s3, ref c0, r3 * cStride);
            Pair<L>.Store(s2, ref c0, r2 * cStride);
            Pair<L>.Store(s1, ref c0, r1 * cStride);
            Pair<L>.Store(s0, ref c0, 0);
        }
    }

    /// <summary>6 rows by 16 columns: 12 registers of 256 bits for C, two for B.</summary>
    private readonly struct NarrowTile<L> : ITile
        where L : struct, ILanes<L>
    {
        public static int Rows => 6;

        public static int Columns => 16;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public static void MultiplyAdd(
            ReadOnlySpan<float> a, int rowStride, int columnStride, ReadOnlySpan<float> panel, int depth, int rows, Span<float> c, int cStride)
        {
            ref readonly float b0 = ref MemoryMarshal.GetReference(panel);
            ref float c0 = ref MemoryMarshal.GetReference(c);
            ref readonly float a0 = ref MemoryMarshal.GetReference(a);
            int last = rows - 1;
            int r1 = Math.Min(1, last);
            int r2 = Math.Min(2, last);
            int r3 = Math.Min(3, last);
            int r4 = Math.Min(4, last);
            int r5 = Math.Min(5, last);
            L s0 = L.Load(in c0, 0);
            L s1 = L.Load(in c0, r1 * cStride);
            L s2 = L.Load(in c0, r2 * cStride);
            L s3 = L.Load(in c0, r3 * cStride);
            L s4 = L.Load(in c0, r4 * cStride);
            L s5 = L.Load(in c0, r5 * cStride);
            (int o1, int o2, int o3, int o4, int o5) = (r1 * rowStride, r2 * rowStride, r3 * rowStride, r4 * rowStride, r5 * rowStride);
            for (int k = 0, i = 0; k < depth; k++, i += columnStride)
            {
                // c[r, 0..16] += a[r, k] * b[k, 0..16]
                L b = L.Load(in b0, k * 16);
                ref readonly float column = ref Unsafe.Add(ref Unsafe.AsRef(in a0), i);
                L.FusedMultiplyAdd(ref s0, L.Create(column), b);
                L.FusedMultiplyAdd(ref s1, L.Create(Unsafe.Add(ref Unsafe.AsRef(in column), o1)), b);
                L.FusedMultiplyAdd(ref s2, L.Create(Unsafe.Add(ref Unsafe.AsRef(in column), o2)), b);
                L.FusedMultiplyAdd(ref s3, L.Create(Unsafe.Add(ref Unsafe.AsRef(in column), o3)), b);
                L.FusedMultiplyAdd(ref s4, L.Create(Unsafe.Add(ref Unsafe.AsRef(in column), o4)), b);
                L.FusedMultiplyAdd(ref s5, L.Create(Unsafe.Add(ref Unsafe.AsRef(in column), o5)), b);
            }

            L.Store(s5, ref c0, r5 * cStride);
            L.Store(s4, ref c0, r4 * cStride);
            L.Store(s3, ref c0, r3 * cStride);
            L.Store(s2, ref c0, r2 * cStride);
            L.Store(s1, ref c0, r1 * cStride);
            L.Store(s0, ref c0, 0);
        }
    }

    /// <summary>Thirty-two lanes.</summary>
    private struct Pair<L>
        where L : struct, ILanes<L>
    {
        private L _low;
        private L _high;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pair<L> Load(ref readonly float source, int index) =>
            new() { _low = L.Load(in source, index), _high = L.Load(in source, index + 16) };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Pair<L> value, ref float destination, int index)
        {
            L.Store(value._low, ref destination, index);
            L.Store(value._high, ref destination, index + 16);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Add(ref Pair<L> sum, float a, in Pair<L> b)
        {
            L left = L.Create(a);
            L.FusedMultiplyAdd(ref sum._low, left, b._low);
            L.FusedMultiplyAdd(ref sum._high, left, b._high);
        }
    }
}
