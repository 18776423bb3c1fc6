using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>One row of C: from B's packed columns, four groups of sixteen at once, so that one chain need not wait for the other; or from B's rows as they lie.</summary>
internal static class RowKernel
{
    /// <summary>How many columns are computed at once.</summary>
    public const int Columns = 64;

    // 8 KiB of c stay in the first-level cache, while eight pages of four rows pass by.
    private const int BlockColumns = 2048;

    /// <summary>c[j] += Σₖ a[k]·b[k, j], in chains of <see cref="MatrixProduct.Chain"/>, the first of which begins at what c holds.</summary>
    /// <param name="a">One row.</param>
    /// <param name="panels">B's panels (<see cref="ColumnPacking"/>) from the first of the columns on.</param>
    /// <param name="depth">The inner indices.</param>
    /// <param name="groups">How many groups of sixteen columns, 1 to 4.</param>
    /// <param name="c">16·groups numbers: added to.</param>
    [MethodImpl(Kernels.FullyOptimized)]
    public static void MultiplyAdd<L>(Factor a, ReadOnlySpan<float> panels, int depth, int groups, Span<float> c)
        where L : struct, ILanes<L>
    {
        // Groups that are not there stand for the last: computed several times over, to the same result.
        int width = ProductKernel.TileColumns;
        int last = groups - 1;
        (nint g1, nint g2, nint g3) = (Math.Min(1, last), Math.Min(2, last), Math.Min(3, last));
        nint b1 = g1 * 16 / width * width * depth + g1 * 16 % width;
        nint b2 = g2 * 16 / width * width * depth + g2 * 16 % width;
        nint b3 = g3 * 16 / width * width * depth + g3 * 16 % width;
        ref float a0 = ref MemoryMarshal.GetReference(a.Values);
        ref float b = ref MemoryMarshal.GetReference(panels);
        ref float c0 = ref MemoryMarshal.GetReference(c);
        L s0 = L.Load(in c0, 0);
        L s1 = L.Load(in c0, 16 * g1);
        L s2 = L.Load(in c0, 16 * g2);
        L s3 = L.Load(in c0, 16 * g3);
        for (int chain = 0; chain < depth; chain += MatrixProduct.Chain)
        {
            L t0 = s0;
            L t1 = s1;
            L t2 = s2;
            L t3 = s3;
            if (chain > 0)
            {
                t0 = t1 = t2 = t3 = L.Zero;
            }

            int end = Math.Min(depth, chain + MatrixProduct.Chain);
            for (int k = chain; k < end; k++)
            {
                L left = L.Create(a0);
                L.FusedMultiplyAdd(ref t0, left, L.Load(in b, 0));
                L.FusedMultiplyAdd(ref t1, left, L.Load(in b, b1));
                L.FusedMultiplyAdd(ref t2, left, L.Load(in b, b2));
                L.FusedMultiplyAdd(ref t3, left, L.Load(in b, b3));
                a0 = ref Unsafe.Add(ref a0, a.ColumnStride);
                b = ref Unsafe.Add(ref b, width);
            }

            if (chain > 0)
            {
                t0 += s0;
                t1 += s1;
                t2 += s2;
                t3 += s3;
            }

            s0 = t0;
            s1 = t1;
            s2 = t2;
            s3 = t3;
        }

        L.Store(s3, ref c0, 16 * g3);
        L.Store(s2, ref c0, 16 * g2);
        L.Store(s1, ref c0, 16 * g1);
        L.Store(s0, ref c0, 0);
    }

    /// <summary>The same from B's rows, which are read once and in order, four at a time: c stays in the first-level cache.</summary>
    /// <param name="a">One row.</param>
    /// <param name="b">B from the first of the columns on, with a column stride of 1.</param>
    /// <param name="depth">The inner indices.</param>
    /// <param name="c">A multiple of sixteen numbers: added to.</param>
    [MethodImpl(Kernels.FullyOptimized)]
    [SkipLocalsInit]
    public static void MultiplyAddRows<L>(Factor a, Factor b, int depth, Span<float> c)
        where L : struct, ILanes<L>
    {
        Span<float> buffer = stackalloc float[BlockColumns];
        for (int j = 0; j < c.Length; j += BlockColumns)
        {
            Span<float> block = c.Slice(j, Math.Min(BlockColumns, c.Length - j));
            for (int chain = 0; chain < depth; chain += MatrixProduct.Chain)
            {
                Span<float> sum = chain == 0 ? block : buffer[..block.Length];
                if (chain > 0)
                {
                    sum.Clear();
                }

                int k = chain;
                int end = Math.Min(depth, chain + MatrixProduct.Chain);
                for (; k <= end - 4; k += 4)
                {
                    AddRows<L, Yes>(a.From(0, k), b.From(k, j), sum);
                }

                for (; k < end; k++)
                {
                    AddRows<L, No>(a.From(0, k), b.From(k, j), sum);
                }

                if (chain > 0)
                {
                    AddTo<L>(sum, block);
                }
            }
        }
    }

    // Four rows of B, or one: sum[j] += a[k]·b[k, j].
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRows<L, TFour>(Factor a, Factor b, Span<float> sum)
        where L : struct, ILanes<L>
        where TFour : struct, IFlag
    {
        ref float a0 = ref MemoryMarshal.GetReference(a.Values);
        ref float b0 = ref MemoryMarshal.GetReference(b.Values);
        ref float s0 = ref MemoryMarshal.GetReference(sum);
        L first = L.Create(a0);
        L second = L.Create(TFour.Holds ? Unsafe.Add(ref a0, a.ColumnStride) : 0);
        L third = L.Create(TFour.Holds ? Unsafe.Add(ref a0, 2 * a.ColumnStride) : 0);
        L fourth = L.Create(TFour.Holds ? Unsafe.Add(ref a0, 3 * a.ColumnStride) : 0);
        nint stride = b.RowStride;
        for (nint i = 0; i < sum.Length; i += 16)
        {
            L s = L.Load(in s0, i);
            L.FusedMultiplyAdd(ref s, first, L.Load(in b0, i));
            if (TFour.Holds)
            {
                L.FusedMultiplyAdd(ref s, second, L.Load(in b0, i + stride));
                L.FusedMultiplyAdd(ref s, third, L.Load(in b0, i + 2 * stride));
                L.FusedMultiplyAdd(ref s, fourth, L.Load(in b0, i + 3 * stride));
            }

            L.Store(s, ref s0, i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTo<L>(Span<float> sum, Span<float> c)
        where L : struct, ILanes<L>
    {
        ref float s0 = ref MemoryMarshal.GetReference(sum);
        ref float c0 = ref MemoryMarshal.GetReference(c);
        for (nint i = 0; i < sum.Length; i += 16)
        {
            L.Store(L.Load(in s0, i) + L.Load(in c0, i), ref c0, i);
        }
    }
}
