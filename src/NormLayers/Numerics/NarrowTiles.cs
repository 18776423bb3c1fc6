using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>Sixteen columns; with vectors of 256 bits six rows take 12 registers for C, and there are two for B.</summary>
internal readonly struct NarrowTiles<L> : ITileShape
    where L : struct, ILanes<L>
{
    public static int Rows => 6;

    public static int Columns => Row.Columns;

    public static void MultiplyAdd(in TileProduct block, int rows) => MicroKernel.MultiplyAdd<Row>(in block, rows);

    private struct Row : ITileRow<Row>
    {
        private L _lanes;

        public static int Columns => 16;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Row Load(ref readonly float source, nint index) => new() { _lanes = L.Load(in source, index) };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Row value, ref float destination, nint index) => L.Store(value._lanes, ref destination, index);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Add(ref Row sum, ref readonly float source, nint index) => sum._lanes += L.Load(in source, index);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Prefetch(ref readonly float line)
        {
            Cache.PrefetchToSecondLevel(in line, 0);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void MultiplyAdd(ref Row sum, float a, in Row b) => L.FusedMultiplyAdd(ref sum._lanes, L.Create(a), b._lanes);
    }
}
