using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>Sixteen columns; with vectors of 256 bits six rows take 12 registers for C, and there are two for B. Up to four rows have a tile of their own.</summary>
internal readonly struct NarrowTiles<L> : ITileShape
    where L : struct, ILanes<L>
{
    private const int FewRows = 4;

    public static int Rows => 6;

    public static int Columns => 16;

    // Of eight, four and four rather than six and two: batches are powers of two, and 32, 128 and 512 leave eight.
    public static int RowsOf(int left) => left == 2 * FewRows ? FewRows : Math.Min(left, Rows);

    public static void MultiplyAdd(Factor a, ReadOnlySpan<float> panel, int depth, int rows, bool begins, Span<float> c, int cStride)
    {
        if (rows <= FewRows)
        {
            MicroKernel.MultiplyAdd<FourRows>(a, panel, depth, rows, begins, c, cStride);
        }
        else
        {
            MicroKernel.MultiplyAdd<SixRows>(a, panel, depth, rows, begins, c, cStride);
        }
    }

    /// <summary>Six rows.</summary>
    private struct SixRows : ITile<SixRows>
    {
        private L _s0;
        private L _s1;
        private L _s2;
        private L _s3;
        private L _s4;
        private L _s5;

        public static int Columns => 16;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static SixRows Load(ref readonly float c, in TileRows rows) => new()
        {
            _s0 = L.Load(in c, 0),
            _s1 = L.Load(in c, rows.Row1),
            _s2 = L.Load(in c, rows.Row2),
            _s3 = L.Load(in c, rows.Row3),
            _s4 = L.Load(in c, rows.Row4),
            _s5 = L.Load(in c, rows.Row5),
        };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(ref float a, in TileRows rows, ref readonly float b, nint row)
        {
            L v = L.Load(in b, row);
            L.FusedMultiplyAdd(ref _s0, L.Create(a), v);
            L.FusedMultiplyAdd(ref _s1, L.Create(Unsafe.Add(ref a, rows.Row1)), v);
            L.FusedMultiplyAdd(ref _s2, L.Create(Unsafe.Add(ref a, rows.Row2)), v);
            L.FusedMultiplyAdd(ref _s3, L.Create(Unsafe.Add(ref a, rows.Row3)), v);
            L.FusedMultiplyAdd(ref _s4, L.Create(Unsafe.Add(ref a, rows.Row4)), v);
            L.FusedMultiplyAdd(ref _s5, L.Create(Unsafe.Add(ref a, rows.Row5)), v);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(ref readonly float c, in TileRows rows)
        {
            _s0 += L.Load(in c, 0);
            _s1 += L.Load(in c, rows.Row1);
            _s2 += L.Load(in c, rows.Row2);
            _s3 += L.Load(in c, rows.Row3);
            _s4 += L.Load(in c, rows.Row4);
            _s5 += L.Load(in c, rows.Row5);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(ref float c, in TileRows rows)
        {
            L.Store(_s5, ref c, rows.Row5);
            L.Store(_s4, ref c, rows.Row4);
            L.Store(_s3, ref c, rows.Row3);
            L.Store(_s2, ref c, rows.Row2);
            L.Store(_s1, ref c, rows.Row1);
            L.Store(_s0, ref c, 0);
        }
    }

    /// <summary>Four rows: in a tile of six, the last would be computed three times over and more.</summary>
    private struct FourRows : ITile<FourRows>
    {
        private L _s0;
        private L _s1;
        private L _s2;
        private L _s3;

        public static int Columns => 16;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static FourRows Load(ref readonly float c, in TileRows rows) => new()
        {
            _s0 = L.Load(in c, 0),
            _s1 = L.Load(in c, rows.Row1),
            _s2 = L.Load(in c, rows.Row2),
            _s3 = L.Load(in c, rows.Row3),
        };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(ref float a, in TileRows rows, ref readonly float b, nint row)
        {
            L v = L.Load(in b, row);
            L.FusedMultiplyAdd(ref _s0, L.Create(a), v);
            L.FusedMultiplyAdd(ref _s1, L.Create(Unsafe.Add(ref a, rows.Row1)), v);
            L.FusedMultiplyAdd(ref _s2, L.Create(Unsafe.Add(ref a, rows.Row2)), v);
            L.FusedMultiplyAdd(ref _s3, L.Create(Unsafe.Add(ref a, rows.Row3)), v);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(ref readonly float c, in TileRows rows)
        {
            _s0 += L.Load(in c, 0);
            _s1 += L.Load(in c, rows.Row1);
            _s2 += L.Load(in c, rows.Row2);
            _s3 += L.Load(in c, rows.Row3);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(ref float c, in TileRows rows)
        {
            L.Store(_s3, ref c, rows.Row3);
            L.Store(_s2, ref c, rows.Row2);
            L.Store(_s1, ref c, rows.Row1);
            L.Store(_s0, ref c, 0);
        }
    }
}
