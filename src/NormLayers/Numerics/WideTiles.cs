using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>8 rows by 32 columns: 16 registers of 512 bits for C, two for B.</summary>
internal readonly struct WideTiles<L> : ITileShape
    where L : struct, ILanes<L>
{
    public static int Rows => 8;

    public static int Columns => 32;

    public static int RowsOf(int left) => Math.Min(left, Rows);

    public static void MultiplyAdd(Factor a, ReadOnlySpan<float> panel, int depth, int rows, bool begins, Span<float> c, int cStride) =>
        MicroKernel.MultiplyAdd<EightRows>(a, panel, depth, rows, begins, c, cStride);

    /// <summary>Eight rows.</summary>
    private struct EightRows : ITile<EightRows>
    {
        private Pair _s0;
        private Pair _s1;
        private Pair _s2;
        private Pair _s3;
        private Pair _s4;
        private Pair _s5;
        private Pair _s6;
        private Pair _s7;

        public static int Columns => 32;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static EightRows Load(ref readonly float c, in TileRows rows) => new()
        {
            _s0 = Pair.Load(in c, 0),
            _s1 = Pair.Load(in c, rows.Row1),
            _s2 = Pair.Load(in c, rows.Row2),
            _s3 = Pair.Load(in c, rows.Row3),
            _s4 = Pair.Load(in c, rows.Row4),
            _s5 = Pair.Load(in c, rows.Row5),
            _s6 = Pair.Load(in c, rows.Row6),
            _s7 = Pair.Load(in c, rows.Row7),
        };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(ref float a, in TileRows rows, ref readonly float b, nint row)
        {
            Pair v = Pair.Load(in b, row);
            Pair.Add(ref _s0, a, v);
            Pair.Add(ref _s1, Unsafe.Add(ref a, rows.Row1), v);
            Pair.Add(ref _s2, Unsafe.Add(ref a, rows.Row2), v);
            Pair.Add(ref _s3, Unsafe.Add(ref a, rows.Row3), v);
            Pair.Add(ref _s4, Unsafe.Add(ref a, rows.Row4), v);
            Pair.Add(ref _s5, Unsafe.Add(ref a, rows.Row5), v);
            Pair.Add(ref _s6, Unsafe.Add(ref a, rows.Row6), v);
            Pair.Add(ref _s7, Unsafe.Add(ref a, rows.Row7), v);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(ref readonly float c, in TileRows rows)
        {
            Pair.Add(ref _s0, in c, 0);
            Pair.Add(ref _s1, in c, rows.Row1);
            Pair.Add(ref _s2, in c, rows.Row2);
            Pair.Add(ref _s3, in c, rows.Row3);
            Pair.Add(ref _s4, in c, rows.Row4);
            Pair.Add(ref _s5, in c, rows.Row5);
            Pair.Add(ref _s6, in c, rows.Row6);
            Pair.Add(ref _s7, in c, rows.Row7);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(ref float c, in TileRows rows)
        {
            Pair.Store(_s7, ref c, rows.Row7);
            Pair.Store(_s6, ref c, rows.Row6);
            Pair.Store(_s5, ref c, rows.Row5);
            Pair.Store(_s4, ref c, rows.Row4);
            Pair.Store(_s3, ref c, rows.Row3);
            Pair.Store(_s2, ref c, rows.Row2);
            Pair.Store(_s1, ref c, rows.Row1);
            Pair.Store(_s0, ref c, 0);
        }
    }

    /// <summary>Thirty-two lanes.</summary>
    private struct Pair
    {
        private L _low;
        private L _high;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pair Load(ref readonly float source, nint index) =>
            new() { _low = L.Load(in source, index), _high = L.Load(in source, index + 16) };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Add(ref Pair sum, ref readonly float source, nint index)
        {
            sum._low += L.Load(in source, index);
            sum._high += L.Load(in source, index + 16);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Pair value, ref float destination, nint index)
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
