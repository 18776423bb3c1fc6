using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>32 columns; with vectors of 512 bits eight rows take 16 registers for C, and there are two for B.</summary>
internal readonly struct WideTiles<L> : ITileShape
    where L : struct, ILanes<L>
{
    public static int Rows => 8;

    public static int Columns => Row.Columns;

    public static void MultiplyAdd(in TileProduct block, int rows)
    {
        switch (rows)
        {
            case 8: MicroKernel.MultiplyAdd<Row, TileHeights.Eight>(in block); break;
            case 7: MicroKernel.MultiplyAdd<Row, TileHeights.Seven>(in block); break;
            case 6: MicroKernel.MultiplyAdd<Row, TileHeights.Six>(in block); break;
            case 5: MicroKernel.MultiplyAdd<Row, TileHeights.Five>(in block); break;
            case 4: MicroKernel.MultiplyAdd<Row, TileHeights.Four>(in block); break;
            case 3: MicroKernel.MultiplyAdd<Row, TileHeights.Three>(in block); break;
            case 2: MicroKernel.MultiplyAdd<Row, TileHeights.Two>(in block); break;
            default: MicroKernel.MultiplyAdd<Row, TileHeights.One>(in block); break;
        }
    }

    private struct Row : ITileRow<Row>
    {
        private L _low;
        private L _high;

        public static int Columns => 32;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Row Load(ref readonly float source, nint index) =>
            new() { _low = L.Load(in source, index), _high = L.Load(in source, index + 16) };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Row value, ref float destination, nint index)
        {
            L.Store(value._low, ref destination, index);
            L.Store(value._high, ref destination, index + 16);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Add(ref Row sum, ref readonly float source, nint index)
        {
            sum._low += L.Load(in source, index);
            sum._high += L.Load(in source, index + 16);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Prefetch(ref readonly float line)
        {
            Cache.PrefetchToSecondLevel(in line, 0);
            Cache.PrefetchToSecondLevel(in line, 16);
            Cache.PrefetchToSecondLevel(in line, 32);
            Cache.PrefetchToSecondLevel(in line, 48);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void MultiplyAdd(ref Row sum, float a, in Row b)
        {
            L left = L.Create(a);
            L.FusedMultiplyAdd(ref sum._low, left, b._low);
            L.FusedMultiplyAdd(ref sum._high, left, b._high);
        }
    }
}
