using System.Runtime.CompilerServices;

namespace NormLayers.Numerics;

/// <summary>A block of C that stays in registers while products are added to it: <see cref="MicroKernel"/> has the loop.</summary>
/// <remarks>
/// Written out row by row: what a loop picks by its index does not stay in a register. Rows beyond the height are compiled away.
/// Nor is a tile two smaller ones: each would have its own copy of B's row, which needs more registers than there are.
/// </remarks>
/// <typeparam name="V">A row.</typeparam>
/// <typeparam name="N">The height.</typeparam>
internal struct Tile<V, N>
    where V : struct, ITileRow<V>
    where N : struct, ITileHeight
{
    private V _s0;
    private V _s1;
    private V _s2;
    private V _s3;
    private V _s4;
    private V _s5;
    private V _s6;
    private V _s7;

    /// <summary>Reads the block.</summary>
    /// <param name="c">Its first element.</param>
    /// <param name="rows">Where C has the block's rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Load(ref readonly float c, TileRows rows)
    {
        _s0 = V.Load(in c, 0);
        if (N.Rows > 1)
        {
            _s1 = V.Load(in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row1), 0);
        }

        if (N.Rows > 2)
        {
            _s2 = V.Load(in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row2), 0);
        }

        if (N.Rows > 3)
        {
            _s3 = V.Load(in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row3), 0);
        }

        if (N.Rows > 4)
        {
            _s4 = V.Load(in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row4), 0);
        }

        if (N.Rows > 5)
        {
            _s5 = V.Load(in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row5), 0);
        }

        if (N.Rows > 6)
        {
            _s6 = V.Load(in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row6), 0);
        }

        if (N.Rows > 7)
        {
            _s7 = V.Load(in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row7), 0);
        }
    }

    /// <summary>c[r, j] += a[r, k]·b[k, j] for one inner index k.</summary>
    /// <param name="a">Column k of A, from the block's first row.</param>
    /// <param name="rows">Where A has the block's rows.</param>
    /// <param name="b">Row k of the panel of B.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(ref float a, TileRows rows, ref readonly float b)
    {
        V v = V.Load(in b, 0);
        V.MultiplyAdd(ref _s0, a, in v);
        if (N.Rows > 1)
        {
            V.MultiplyAdd(ref _s1, Unsafe.AddByteOffset(ref a, rows.Row1), in v);
        }

        if (N.Rows > 2)
        {
            V.MultiplyAdd(ref _s2, Unsafe.AddByteOffset(ref a, rows.Row2), in v);
        }

        if (N.Rows > 3)
        {
            V.MultiplyAdd(ref _s3, Unsafe.AddByteOffset(ref a, rows.Row3), in v);
        }

        if (N.Rows > 4)
        {
            V.MultiplyAdd(ref _s4, Unsafe.AddByteOffset(ref a, rows.Row4), in v);
        }

        if (N.Rows > 5)
        {
            V.MultiplyAdd(ref _s5, Unsafe.AddByteOffset(ref a, rows.Row5), in v);
        }

        if (N.Rows > 6)
        {
            V.MultiplyAdd(ref _s6, Unsafe.AddByteOffset(ref a, rows.Row6), in v);
        }

        if (N.Rows > 7)
        {
            V.MultiplyAdd(ref _s7, Unsafe.AddByteOffset(ref a, rows.Row7), in v);
        }
    }

    /// <summary>Adds what C holds, with one rounding.</summary>
    /// <param name="c">Its first element.</param>
    /// <param name="rows">Where C has the block's rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(ref readonly float c, TileRows rows)
    {
        V.Add(ref _s0, in c, 0);
        if (N.Rows > 1)
        {
            V.Add(ref _s1, in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row1), 0);
        }

        if (N.Rows > 2)
        {
            V.Add(ref _s2, in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row2), 0);
        }

        if (N.Rows > 3)
        {
            V.Add(ref _s3, in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row3), 0);
        }

        if (N.Rows > 4)
        {
            V.Add(ref _s4, in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row4), 0);
        }

        if (N.Rows > 5)
        {
            V.Add(ref _s5, in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row5), 0);
        }

        if (N.Rows > 6)
        {
            V.Add(ref _s6, in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row6), 0);
        }

        if (N.Rows > 7)
        {
            V.Add(ref _s7, in Unsafe.AddByteOffset(ref Unsafe.AsRef(in c), rows.Row7), 0);
        }
    }

    /// <summary>Writes the block: overwrites C.</summary>
    /// <param name="c">Its first element.</param>
    /// <param name="rows">Where C has the block's rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(ref float c, TileRows rows)
    {
        if (N.Rows > 7)
        {
            V.Store(_s7, ref Unsafe.AddByteOffset(ref c, rows.Row7), 0);
        }

        if (N.Rows > 6)
        {
            V.Store(_s6, ref Unsafe.AddByteOffset(ref c, rows.Row6), 0);
        }

        if (N.Rows > 5)
        {
            V.Store(_s5, ref Unsafe.AddByteOffset(ref c, rows.Row5), 0);
        }

        if (N.Rows > 4)
        {
            V.Store(_s4, ref Unsafe.AddByteOffset(ref c, rows.Row4), 0);
        }

        if (N.Rows > 3)
        {
            V.Store(_s3, ref Unsafe.AddByteOffset(ref c, rows.Row3), 0);
        }

        if (N.Rows > 2)
        {
            V.Store(_s2, ref Unsafe.AddByteOffset(ref c, rows.Row2), 0);
        }

        if (N.Rows > 1)
        {
            V.Store(_s1, ref Unsafe.AddByteOffset(ref c, rows.Row1), 0);
        }

        V.Store(_s0, ref c, 0);
    }
}
