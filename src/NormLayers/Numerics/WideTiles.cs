using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>32 columns; with vectors of 512 bits eight rows take 16 registers for C, and there are two for B.</summary>
internal readonly struct WideTiles<L> : ITileShape
    where L : struct, ILanes<L>
{
    public static int Rows => 8;

    public static int Columns => Row.Columns;

    public static void MultiplyAdd(in TileProduct block, int rows) => MicroKernel.MultiplyAdd<Row>(in block, rows);

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
