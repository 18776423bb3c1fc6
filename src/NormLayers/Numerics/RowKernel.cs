using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NormLayers.Numerics;

/// <summary>One row of C from B's packed columns: four groups of sixteen at once, so that one chain need not wait for the other.</summary>
internal static class RowKernel
{
    /// <summary>How many columns are computed at once.</summary>
    public const int Columns = 64;

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
}
