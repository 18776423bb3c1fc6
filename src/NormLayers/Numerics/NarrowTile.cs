using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>6 rows by 16 columns: 12 registers of 256 bits for C, two for B. Up to four rows have a loop of their own.</summary>
internal readonly struct NarrowTile<L> : ITile
    where L : struct, ILanes<L>
{
    private const int FewRows = 4;

    public static int Rows => 6;

    public static int Columns => 16;

    // Of eight, four and four rather than six and two: batches are powers of two, and 32, 128 and 512 leave eight.
    public static int RowsOf(int left) => left == 2 * FewRows ? FewRows : Math.Min(left, Rows);

    public static void MultiplyAdd(Factor a, ReadOnlySpan<float> panel, int depth, int rows, Span<float> c, int cStride)
    {
        if (rows <= FewRows)
        {
            MultiplyAddFewRows(a, panel, depth, rows, c, cStride);
        }
        else
        {
            MultiplyAddRows(a, panel, depth, rows, c, cStride);
        }
    }

    [MethodImpl(Kernels.Loops)]
    private static void MultiplyAddRows(Factor a, ReadOnlySpan<float> panel, int depth, int rows, Span<float> c, int cStride)
    {
        ref float c0 = ref MemoryMarshal.GetReference(c);
        (int rowStride, int last) = (a.RowStride, rows - 1);
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
        (nint o1, nint o2, nint o3) = (r1 * rowStride, r2 * rowStride, r3 * rowStride);
        (nint o4, nint o5, nint step) = (r4 * rowStride, r5 * rowStride, a.ColumnStride);
        ref float column = ref MemoryMarshal.GetReference(a.Values);
        ref float row = ref MemoryMarshal.GetReference(panel);
        for (int k = 0; k < depth; k++)
        {
            // c[r, 0..16] += a[r, k] * b[k, 0..16]
            L b = L.Load(in row, 0);
            L.FusedMultiplyAdd(ref s0, L.Create(column), b);
            L.FusedMultiplyAdd(ref s1, L.Create(Unsafe.Add(ref column, o1)), b);
            L.FusedMultiplyAdd(ref s2, L.Create(Unsafe.Add(ref column, o2)), b);
            L.FusedMultiplyAdd(ref s3, L.Create(Unsafe.Add(ref column, o3)), b);
            L.FusedMultiplyAdd(ref s4, L.Create(Unsafe.Add(ref column, o4)), b);
            L.FusedMultiplyAdd(ref s5, L.Create(Unsafe.Add(ref column, o5)), b);
            column = ref Unsafe.Add(ref column, step);
            row = ref Unsafe.Add(ref row, 16);
        }

        L.Store(s5, ref c0, r5 * cStride);
        L.Store(s4, ref c0, r4 * cStride);
        L.Store(s3, ref c0, r3 * cStride);
        L.Store(s2, ref c0, r2 * cStride);
        L.Store(s1, ref c0, r1 * cStride);
        L.Store(s0, ref c0, 0);
    }

    // The same for up to four rows: in the loop for six, the last would be computed three times over and more.
    [MethodImpl(Kernels.Loops)]
    private static void MultiplyAddFewRows(Factor a, ReadOnlySpan<float> panel, int depth, int rows, Span<float> c, int cStride)
    {
        ref float c0 = ref MemoryMarshal.GetReference(c);
        (int rowStride, int last) = (a.RowStride, rows - 1);
        int r1 = Math.Min(1, last);
        int r2 = Math.Min(2, last);
        int r3 = Math.Min(3, last);
        L s0 = L.Load(in c0, 0);
        L s1 = L.Load(in c0, r1 * cStride);
        L s2 = L.Load(in c0, r2 * cStride);
        L s3 = L.Load(in c0, r3 * cStride);
        (nint o1, nint o2, nint o3, nint step) = (r1 * rowStride, r2 * rowStride, r3 * rowStride, a.ColumnStride);
        ref float column = ref MemoryMarshal.GetReference(a.Values);
        ref float row = ref MemoryMarshal.GetReference(panel);
        for (int k = 0; k < depth; k++)
        {
            // c[r, 0..16] += a[r, k] * b[k, 0..16]
            L b = L.Load(in row, 0);
            L.FusedMultiplyAdd(ref s0, L.Create(column), b);
            L.FusedMultiplyAdd(ref s1, L.Create(Unsafe.Add(ref column, o1)), b);
            L.FusedMultiplyAdd(ref s2, L.Create(Unsafe.Add(ref column, o2)), b);
            L.FusedMultiplyAdd(ref s3, L.Create(Unsafe.Add(ref column, o3)), b);
            column = ref Unsafe.Add(ref column, step);
            row = ref Unsafe.Add(ref row, 16);
        }

        L.Store(s3, ref c0, r3 * cStride);
        L.Store(s2, ref c0, r2 * cStride);
        L.Store(s1, ref c0, r1 * cStride);
        L.Store(s0, ref c0, 0);
    }
}
