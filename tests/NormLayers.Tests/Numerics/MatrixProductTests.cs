using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Numerics;

/// <summary>Each product against plain chains of fused multiply-adds in float, bit for bit, and against double.</summary>
public sealed class MatrixProductTests
{
    public static TheoryData<int, int, int> Sizes
    {
        get
        {
            TheoryData<int, int, int> sizes = new() { { 32, 20, 32 }, { 5, 100, 3 }, { 1, 64, 65 }, { 19, 300, 70 }, { 7, 600, 33 }, { 300, 20, 40 }, { 49, 523, 523 } };
            foreach (int n in (int[])[1, 2, 7])
            {
                foreach (int k in (int[])[1, 3, 8, 17, 33])
                {
                    foreach (int m in (int[])[1, 4, 15, 16, 31])
                    {
                        sizes.Add(n, k, m);
                    }
                }
            }

            return sizes;
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void MultiplyTransposed_Size_IsChainsFromTheBias(int n, int k, int m)
    {
        float[] x = Samples.Normal(n * k, seed: 1);
        float[] w = Samples.Normal(m * k, seed: 2);
        float[] bias = Samples.Normal(m, seed: 3);
        foreach (bool withBias in (bool[])[true, false])
        {
            float[] expected = new float[n * m];
            double[] exact = new double[n * m];
            double[] magnitude = new double[n * m];
            for (int i = 0; i < expected.Length; i++)
            {
                expected[i] = withBias ? bias[i % m] : 0;
                exact[i] = expected[i];
                magnitude[i] = Math.Abs(expected[i]);
                expected[i] = Chains(expected[i], x.AsSpan(i / m * k, k), 1, w.AsSpan(i % m * k), 1);
                for (int c = 0; c < k; c++)
                {
                    exact[i] += (double)x[i / m * k + c] * w[i % m * k + c];
                    magnitude[i] += Math.Abs((double)x[i / m * k + c] * w[i % m * k + c]);
                }
            }

            float[] y = Samples.Constant(n * m, float.NaN);
            MatrixProduct.MultiplyTransposed(x, w, withBias ? bias : default, k, y);
            Compare.SameBits(expected, y, "y");
            Compare.Within(exact, y, Array.ConvertAll(magnitude, v => Tolerance.Chain(Math.Min(k, MatrixProduct.Chain) + k / MatrixProduct.Chain, v)), "y against double");
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    [InlineData(1, 2150, 300)] // One row: two blocks of columns and a tail, three chains.
    public void Multiply_Size_IsChainsFromZero(int n, int k, int m)
    {
        float[] dy = Samples.Normal(n * m, seed: 1);
        float[] w = Samples.Normal(m * k, seed: 2);
        float[] expected = new float[n * k];
        for (int i = 0; i < expected.Length; i++)
        {
            expected[i] = Chains(0, dy.AsSpan(i / k * m, m), 1, w.AsSpan(i % k), k);
        }

        float[] dx = Samples.Constant(n * k, float.NaN);
        MatrixProduct.Multiply(dy, w, k, dx);
        Compare.SameBits(expected, dx, "dx");
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    [InlineData(200, 70, 1)] // One row, added to.
    [InlineData(258, 259, 722)] // dy is packed first, in two chunks of rows; in the first, three blocks of 240 columns would leave two.
    public void AddTransposedProduct_Size_IsChainsFromWhatIsThere(int n, int k, int m)
    {
        float[] dy = Samples.Normal(n * m, seed: 1);
        float[] x = Samples.Normal(n * k, seed: 2);
        float[] dw = Samples.Normal(m * k, seed: 3);
        float[] expected = [.. dw];
        for (int i = 0; i < expected.Length; i++)
        {
            expected[i] = Chains(expected[i], dy.AsSpan(i / k), m, x.AsSpan(i % k), k);
        }

        MatrixProduct.AddTransposedProduct(dy, x, k, dw);
        Compare.SameBits(expected, dw, "dw");
    }

    [Fact]
    public void MultiplyTransposed_RowInAnyBatch_GivesTheSameBits()
    {
        const int N = 9;
        const int K = 37;
        const int M = 19;
        float[] x = Samples.Normal(N * K, seed: 1);
        float[] w = Samples.Normal(M * K, seed: 2);
        float[] all = new float[N * M];
        MatrixProduct.MultiplyTransposed(x, w, default, K, all);
        for (int n = 0; n < N; n++)
        {
            float[] alone = new float[M];
            MatrixProduct.MultiplyTransposed(x.AsSpan(n * K, K), w, default, K, alone);
            Compare.SameBits(all.AsSpan(n * M, M), alone, $"row {n}");
        }
    }

    [Fact]
    public void MultiplyTransposed_NoRows_WritesNothing() =>
        MatrixProduct.MultiplyTransposed([], [1, 2, 3, 4], default, 2, []);

    /// <summary>Sizes at the borders of chains, tiles, panels and groups of columns; one row has a loop of its own.</summary>
    public static TheoryData<int, int, int> PackedSizes
    {
        get
        {
            TheoryData<int, int, int> sizes = new() { { 21, 384, 384 }, { 70, 300, 100 }, { 300, 40, 20 }, { 1, 700, 1000 } };
            foreach (int n in (int[])[1, 2, 5, 9, 25])
            {
                foreach (int k in (int[])[1, 127, 128, 129, 257])
                {
                    foreach (int m in (int[])[1, 15, 16, 33, 48, 63, 64, 65, 130])
                    {
                        sizes.Add(n, k, m);
                    }
                }
            }

            return sizes;
        }
    }

    [Theory]
    [MemberData(nameof(PackedSizes))]
    public void PackedMatrix_Size_GivesTheBitsOfTheProduct(int n, int k, int m)
    {
        float[] x = Samples.Normal(n * k, seed: 1);
        float[] w = Samples.Normal(m * k, seed: 2);
        float[] bias = Samples.Normal(m, seed: 3);
        PackedMatrix packed = new(new MatrixView(w, m, k).Transpose());
        foreach (bool withBias in (bool[])[true, false])
        {
            float[] expected = new float[n * m];
            MatrixProduct.MultiplyTransposed(x, w, withBias ? bias : default, k, expected);
            float[] y = Samples.Constant(n * m, float.NaN);
            packed.Multiply(x, withBias ? bias : default, y);
            Compare.SameBits(expected, y, "y");
        }
    }

    [Theory]
    [InlineData(3, 5, 4)]
    [InlineData(40, 64, 150)]
    [InlineData(2, 200, 3)]
    public void Multiply_StridedViews_TouchOnlyTheirElements(int n, int k, int m)
    {
        const int Gap = 3;
        float[] a = Samples.Normal(n * (k + Gap), seed: 1);
        float[] b = Samples.Normal(m * (k + Gap), seed: 2);
        float[] c = Samples.Normal(n * (m + Gap), seed: 3);
        float[] overwritten = [.. c];
        float[] added = [.. c];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < m; j++)
            {
                int at = i * (m + Gap) + j;
                overwritten[at] = Chains(0, a.AsSpan(i * (k + Gap)), 1, b.AsSpan(j * (k + Gap)), 1, k);
                added[at] = Chains(c[at], a.AsSpan(i * (k + Gap)), 1, b.AsSpan(j * (k + Gap)), 1, k);
            }
        }

        MatrixView left = new(a, n, k, k + Gap);
        MatrixView right = new MatrixView(b, m, k, k + Gap).Transpose();
        float[] sum = [.. c];
        MatrixProduct.MultiplyAdd(left, right, sum, m + Gap);
        Compare.SameBits(added, sum, "C += A·B");
        MatrixProduct.Multiply(left, right, c, m + Gap);
        Compare.SameBits(overwritten, c, "C = A·B");
    }

    [Theory]
    [InlineData(1, 40, 33, 50)]
    [InlineData(12, 20, 32, 20)]
    [InlineData(12, 64, 300, 5)]
    [InlineData(5, 1, 7, 3)]
    [InlineData(24, 70, 150, 40)]
    public void MultiplyBatch_AnyLayoutAndThreads_GivesTheBitsOfEachProduct(int count, int n, int k, int m)
    {
        // A's matrices lie one after the other; B's and C's are heads, side by side in rows with a gap.
        float[] a = Samples.Normal(count * n * k, seed: 1);
        float[] b = Samples.Normal(k * (count * m + 3), seed: 2);
        float[] before = Samples.Normal(n * (count * m + 3), seed: 3);
        float[] expected = [.. before];
        float[] transposed = new float[count * m * n];
        for (int i = 0; i < count; i++)
        {
            MatrixView left = new(a.AsSpan(i * n * k, n * k), n, k);
            MatrixView right = new(b.AsSpan(i * m), k, m, count * m + 3);
            MatrixProduct.Multiply(left, right, expected.AsSpan(i * m), count * m + 3);
            MatrixProduct.Multiply(right.Transpose(), left.Transpose(), transposed.AsSpan(i * m * n, m * n));
        }

        MatrixBatch lefts = new(a, count, n, k);
        MatrixBatch rights = new(b, count, k, m, count * m + 3, m);
        int limit = Threads.Limit;
        try
        {
            foreach (int threads in (int[])[1, 2, 3, 8])
            {
                Threads.Limit = threads;
                float[] heads = [.. before];
                MatrixProduct.MultiplyBatch(lefts, rights, heads, count * m + 3, m);
                Compare.SameBits(expected, heads, $"{threads} threads");
                float[] stacked = Samples.Constant(transposed.Length, float.NaN);
                MatrixProduct.MultiplyBatch(rights.Transpose(), lefts.Transpose(), stacked);
                Compare.SameBits(transposed, stacked, $"transposes, {threads} threads");
            }
        }
        finally
        {
            Threads.Limit = limit;
        }
    }

    [Fact]
    public void MultiplyBatch_OneMatrixForAll_IsBroadcast()
    {
        float[] a = Samples.Normal(3 * 4 * 5, seed: 1);
        float[] b = Samples.Normal(5 * 6, seed: 2);
        float[] expected = new float[3 * 4 * 6];
        MatrixProduct.Multiply(new MatrixView(a, 12, 5), new MatrixView(b, 5, 6), expected);
        float[] c = Samples.Constant(expected.Length, float.NaN);
        MatrixProduct.MultiplyBatch(new MatrixBatch(a, 3, 4, 5), new MatrixBatch(b, 3, 5, 6, 6, 0), c);
        Compare.SameBits(expected, c, "c");
    }

    [Fact]
    public void MultiplyBatch_Empty_WritesNothing()
    {
        float[] none = [];
        float[] c = [1, 2, 3, 4];
        MatrixProduct.MultiplyBatch(new MatrixBatch(none, 0, 2, 3), new MatrixBatch(none, 0, 3, 2), c);
        MatrixProduct.MultiplyBatch(new MatrixBatch(none, 2, 0, 3), new MatrixBatch(new float[12], 2, 3, 2), c);
        Assert.Equal([1, 2, 3, 4], c);
        MatrixProduct.MultiplyBatch(new MatrixBatch(none, 2, 2, 0, 0, 7), new MatrixBatch(none, 2, 0, 1), c);
        Assert.Equal([0, 0, 0, 0], c);
    }

    [Fact]
    public void MultiplyBatch_ArgumentsThatDoNotFit_AreNamed()
    {
        float[] twelve = new float[12];
        static void Multiply(float[] a, float[] b, float[] c, int rowStride = 0, int matrixStride = 0) =>
            MatrixProduct.MultiplyBatch(new MatrixBatch(a, 2, 2, 3), new MatrixBatch(b, 2, 3, 2), c, rowStride, matrixStride);
        Assert.Contains("2 matrices of 3 rows", Assert.Throws<ArgumentException>(() => MatrixProduct.MultiplyBatch(new(twelve, 2, 2, 3), new(twelve, 2, 2, 3), new float[8])).Message);
        Assert.Contains("2 matrices of 3 rows", Assert.Throws<ArgumentException>(() => MatrixProduct.MultiplyBatch(new(twelve, 2, 2, 3), new(twelve, 1, 3, 4), new float[8])).Message);
        Assert.Contains("one matrix for all is a batch of that count with matrixStride 0", Assert.Throws<ArgumentException>("b", () => MatrixProduct.MultiplyBatch(new(twelve, 3, 2, 2), new(new float[4], 1, 2, 2), new float[12])).Message);
        Assert.DoesNotContain("one matrix for all", Assert.Throws<ArgumentException>("b", () => MatrixProduct.MultiplyBatch(new(twelve, 2, 2, 3), new(twelve, 2, 2, 3), new float[8])).Message);
        Assert.Contains("2 matrices of 2 rows of 2, apart", Assert.Throws<ArgumentException>(() => Multiply(twelve, new float[12], new float[7])).Message);
        Assert.Contains("apart from each other", Assert.Throws<ArgumentException>(() => Multiply(twelve, new float[12], new float[20], 2, 3)).Message);
        Assert.Contains("apart from each other", Assert.Throws<ArgumentException>(() => Multiply(twelve, new float[12], new float[20], 4, 3)).Message);
        Assert.Contains("memory apart", Assert.Throws<ArgumentException>(() => Multiply(twelve, new float[12], twelve)).Message);
        Assert.Contains("at least 13 elements", Assert.Throws<ArgumentException>(() => new MatrixBatch(twelve, 2, 2, 3, 3, 7)).Message);
        Assert.Contains("≥ 0", Assert.Throws<ArgumentException>(() => new MatrixBatch(twelve, 2, 2, 3, 3, -1)).Message);
        Assert.Contains("≥ 0", Assert.Throws<ArgumentException>(() => new MatrixBatch(twelve, -1, 2, 3, 3, 6)).Message);
        Assert.Throws<ArgumentException>(() => new MatrixBatch(twelve, 2, 60_000, 60_000));
    }

    [Fact]
    public void PackedMatrix_SeveralThreads_ShareOne()
    {
        float[] w = Samples.Normal(300 * 200, seed: 2);
        PackedMatrix packed = new(new MatrixView(w, 300, 200).Transpose());
        float[] x = Samples.Normal(64 * 200, seed: 1);
        float[] expected = new float[64 * 300];
        packed.Multiply(x, default, expected);
        Parallel.For(0, 200, i =>
        {
            int row = i % 64;
            float[] y = new float[300];
            packed.Multiply(x.AsSpan(row * 200, 200), default, y);
            Compare.SameBits(expected.AsSpan(row * 300, 300), y, $"row {row}");
        });
    }

    [Fact]
    public void Multiply_ArgumentsThatDoNotFit_AreNamed()
    {
        float[] six = new float[6];
        Assert.Contains("Expected 3 rows, as many as a has columns, got 2", Assert.Throws<ArgumentException>(() => MatrixProduct.Multiply(new(six, 2, 3), new(six, 2, 3), new float[6])).Message);
        Assert.Contains("at least 4 elements", Assert.Throws<ArgumentException>(() => MatrixProduct.Multiply(new(six, 2, 3), new(six, 3, 2), new float[3])).Message);
        Assert.Contains("memory apart", Assert.Throws<ArgumentException>(() => MatrixProduct.Multiply(new(six, 2, 3), new(new float[6], 3, 2), six)).Message);
        Assert.Contains("at least 9 elements", Assert.Throws<ArgumentException>(() => new MatrixView(six, 3, 3)).Message);
        Assert.Contains("at least 7 elements", Assert.Throws<ArgumentException>(() => new MatrixView(six, 2, 3, 4)).Message);
        Assert.Contains("at least one row", Assert.Throws<ArgumentException>(() => new PackedMatrix(new MatrixView(six, 0, 3, 3))).Message);
        PackedMatrix packed = new(new MatrixView(six, 2, 3));
        Assert.Throws<ArgumentException>(() => packed.Multiply(new float[3], default, new float[3]));
        Assert.Throws<ArgumentException>(() => packed.Multiply(new float[2], new float[2], new float[3]));
        Assert.Throws<ArgumentException>(() => packed.Multiply(new float[2], default, new float[4]));
        Assert.StartsWith("Expected a whole number of rows of 2, got 3 elements.", Assert.Throws<ArgumentException>("a", () => packed.Multiply(new float[3], default, new float[3])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Products_ResultInTheMemoryOfWhatIsRead_AreRefused()
    {
        float[] six = new float[6];
        PackedMatrix packed = new(new MatrixView(six, 2, 3));
        Assert.Throws<ArgumentException>("c", () => packed.Multiply(six.AsSpan(0, 2), default, six.AsSpan(1, 3)));
        Assert.Throws<ArgumentException>("c", () => packed.Multiply(new float[2], six.AsSpan(2, 3), six.AsSpan(0, 3)));
        Assert.Throws<ArgumentException>("c", () => packed.Multiply(new float[2], six.AsSpan(0, 3), six.AsSpan(0, 3)));
        packed.Multiply(new float[2], six.AsSpan(3, 3), six.AsSpan(0, 3));

        foreach (bool first in (bool[])[true, false])
        {
            float[] c = new float[12];
            (float[] a, float[] b) = first ? (c, new float[12]) : (new float[12], c);
            Assert.Throws<ArgumentException>("c", () => MatrixProduct.Multiply(new(a, 3, 4), new(b, 4, 3), c));
            Assert.Throws<ArgumentException>("c", () => MatrixProduct.MultiplyAdd(new(a, 3, 4), new(b, 4, 3), c));
            Assert.Throws<ArgumentException>("c", () => MatrixProduct.MultiplyBatch(new(a, 2, 2, 3), new(b, 2, 3, 2), c));
        }

        float[] weight = new float[9];
        float[] bias = new float[3];
        NormLayers.Network.Linear linear = new(weight, 3, bias);
        Assert.Throws<ArgumentException>("y", () => linear.Forward(new float[9], (3, 3), weight));
        Assert.Throws<ArgumentException>("y", () => linear.Forward(new float[3], (1, 3), bias));
        linear.Forward(new float[9], (3, 3), new float[9]);
        Assert.Throws<ArgumentException>("dx", () => linear.Backward(new float[9], new float[9], weight));
    }

    [Fact]
    public void Strides_ThatDoNotFit_AreNamedAsTheParametersAre()
    {
        float[] twelve = new float[12];
        Assert.Throws<ArgumentException>("rowStride", () => MatrixProduct.Multiply(new(twelve, 3, 4), new(new float[16], 4, 4), new float[12], rowStride: 3));
        Assert.Throws<ArgumentException>("rowStride", () => MatrixProduct.MultiplyAdd(new(twelve, 3, 4), new(new float[16], 4, 4), new float[12], rowStride: -1));
        Assert.Throws<ArgumentException>("rowStride", () => MatrixProduct.MultiplyBatch(new(twelve, 2, 2, 3), new(new float[12], 2, 3, 2), new float[8], rowStride: 1));
        Assert.Throws<ArgumentException>("matrixStride", () => MatrixProduct.MultiplyBatch(new(twelve, 2, 2, 3), new(new float[12], 2, 3, 2), new float[20], 2, 3));
        Assert.Throws<ArgumentException>("rowStride", () => new MatrixView(twelve, 3, 4, 3));
        Assert.Throws<ArgumentException>("columns", () => new MatrixView(twelve, 3, -4, 3));
        Assert.Throws<ArgumentException>("rows", () => new MatrixView(twelve, -3, 4, 4));
        Assert.Throws<ArgumentException>("rowStride", () => new MatrixBatch(twelve, 1, 3, 4, 3, 12));
        Assert.Throws<ArgumentException>("matrixStride", () => new MatrixBatch(twelve, 2, 2, 3, 3, -1));
        Assert.Throws<ArgumentException>("count", () => new MatrixBatch(twelve, -1, 2, 3, 3, 6));
        Assert.Throws<ArgumentException>("c", () => MatrixProduct.Multiply(new(twelve, 3, 4), new(new float[16], 4, 4), new float[11]));
    }

    [Fact]
    public void Multiply_ManyTerms_ErrsLessThanOneChain()
    {
        const int K = 1536;
        const int N = 64;
        float[] x = Samples.Normal(N * K, seed: 1);
        float[] w = Samples.Normal(N * K, seed: 2);
        float[] y = new float[N * N];
        MatrixProduct.MultiplyTransposed(x, w, default, K, y);
        double chains = 0;
        double one = 0;
        for (int i = 0; i < y.Length; i++)
        {
            double exact = 0;
            float chain = 0;
            for (int k = 0; k < K; k++)
            {
                exact += (double)x[i / N * K + k] * w[i % N * K + k];
                chain = MathF.FusedMultiplyAdd(x[i / N * K + k], w[i % N * K + k], chain);
            }

            chains += (y[i] - exact) * (y[i] - exact);
            one += (chain - exact) * (chain - exact);
        }

        Assert.True(4 * chains < one, $"rms error {Math.Sqrt(chains / y.Length)}, of one chain {Math.Sqrt(one / y.Length)}");
    }

    private static float Chains(float held, ReadOnlySpan<float> a, int aStep, ReadOnlySpan<float> b, int bStep, int? terms = null)
    {
        int count = terms ?? (a.Length + aStep - 1) / aStep;
        for (int first = 0; first < count; first += MatrixProduct.Chain)
        {
            float chain = first == 0 ? held : 0;
            for (int k = first; k < Math.Min(first + MatrixProduct.Chain, count); k++)
            {
                chain = MathF.FusedMultiplyAdd(a[k * aStep], b[k * bStep], chain);
            }

            held = first == 0 ? chain : chain + held;
        }

        return held;
    }

    [Fact]
    public void PackedMatrix_WithoutRows_DoesNothing()
    {
        PackedMatrix packed = new(new MatrixView(new float[12], 3, 4));
        packed.Multiply([], [], []);
        packed.Multiply([], new float[4], []);
    }
}
