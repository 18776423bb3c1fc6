using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>8 rows by 32 columns: 16 registers of 512 bits for C, two for B.</summary>
internal readonly struct WideTile<L> : ITile
    where L : struct, ILanes<L>
{
    public static int Rows => 8;

    public static int Columns => 32;

    public static int RowsOf(int left) => Math.Min(left, Rows);

    [MethodImpl(Kernels.Loops)]
    public static void MultiplyAdd(Factor a, ReadOnlySpan<float> panel, int depth, int rows, Span<float> c, int cStride)
    {
        ref float c0 = ref MemoryMarshal.GetReference(c);
        (int rowStride, int last) = (a.RowStride, rows - 1);
        int r1 = Math.Min(1, last);
        int r2 = Math.Min(2, last);
        int r3 = Math.Min(3, last);
        int r4 = Math.Min(4, last);
        int r5 = Math.Min(5, last);
        int r6 = Math.Min(6, last);
        int r7 = Math.Min(7, last);
        Pair s0 = Pair.Load(in c0, 0);
        Pair s1 = Pair.Load(in c0, r1 * cStride);
        Pair s2 = Pair.Load(in c0, r2 * cStride);
        Pair s3 = Pair.Load(in c0, r3 * cStride);
        Pair s4 = Pair.Load(in c0, r4 * cStride);
        Pair s5 = Pair.Load(in c0, r5 * cStride);
        Pair s6 = Pair.Load(in c0, r6 * cStride);
        Pair s7 = Pair.Load(in c0, r7 * cStride);
        (nint o1, nint o2, nint o3, nint o4) = (r1 * rowStride, r2 * rowStride, r3 * rowStride, r4 * rowStride);
        (nint o5, nint o6, nint o7, nint step) = (r5 * rowStride, r6 * rowStride, r7 * rowStride, a.ColumnStride);
        ref float column = ref MemoryMarshal.GetReference(a.Values);
        ref float row = ref MemoryMarshal.GetReference(panel);
        for (int k = 0; k < depth; k++)
        {
            // c[r, 0..32] += a[r, k] * b[k, 0..32]
            Pair b = Pair.Load(in row, 0);
            Pair.Add(ref s0, column, b);
            Pair.Add(ref s1, Unsafe.Add(ref column, o1), b);
            Pair.Add(ref s2, Unsafe.Add(ref column, o2), b);
            Pair.Add(ref s3, Unsafe.Add(ref column, o3), b);
            Pair.Add(ref s4, Unsafe.Add(ref column, o4), b);
            Pair.Add(ref s5, Unsafe.Add(ref column, o5), b);
            Pair.Add(ref s6, Unsafe.Add(ref column, o6), b);
            Pair.Add(ref s7, Unsafe.Add(ref column, o7), b);
            column = ref Unsafe.Add(ref column, step);
            row = ref Unsafe.Add(ref row, 32);
        }

        Pair.Store(s7, ref c0, r7 * cStride);
        Pair.Store(s6, ref c0, r6 * cStride);
        Pair.Store(s5, ref c0, r5 * cStride);
        Pair.Store(s4, ref c0, r4 * cStride);
        Pair.Store(s3, ref c0, r3 * cStride);
        Pair.Store(s2, ref c0, r2 * cStride);
        Pair.Store(s1, ref c0, r1 * cStride);
        Pair.Store(s0, ref c0, 0);
    }

    /// <summary>Thirty-two lanes.</summary>
    private struct Pair
    {
        private L _low;
        private L _high;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pair Load(ref readonly float source, int index) =>
            new() { _low = L.Load(in source, index), _high = L.Load(in source, index + 16) };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Pair value, ref float destination, int index)
        {
            L.Store(value._low, ref destination, index);
            L.Store(value._high, ref destination, index + 16);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Add(ref Pair sum, float a, in Pair b)
        {
            L left = L.Create(a);
            L.FusedMultiplyAdd(ref sum._low, left, b._low);
            L.FusedMultiplyAdd(ref sum._high, left, b._high);
        }
    }
}
