using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Numerics;

/// <summary>Each product against the plain chain of fused multiply-adds in float, bit for bit, and against double.</summary>
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
    public void MultiplyTransposed_Size_IsTheChainFromTheBias(int n, int k, int m)
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
                for (int c = 0; c < k; c++)
                {
                    expected[i] = MathF.FusedMultiplyAdd(x[i / m * k + c], w[i % m * k + c], expected[i]);
                    exact[i] += (double)x[i / m * k + c] * w[i % m * k + c];
                    magnitude[i] += Math.Abs((double)x[i / m * k + c] * w[i % m * k + c]);
                }
            }

            float[] y = Samples.Constant(n * m, float.NaN);
            MatrixProduct.MultiplyTransposed(x, w, withBias ? bias : default, k, y);
            Compare.SameBits(expected, y, "y");
            Compare.Within(exact, y, Array.ConvertAll(magnitude, v => Tolerance.Chain(k, v)), "y against double");
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Multiply_Size_IsTheChainFromZero(int n, int k, int m)
    {
        float[] dy = Samples.Normal(n * m, seed: 1);
        float[] w = Samples.Normal(m * k, seed: 2);
        float[] expected = new float[n * k];
        for (int i = 0; i < expected.Length; i++)
        {
            for (int j = 0; j < m; j++)
            {
                expected[i] = MathF.FusedMultiplyAdd(dy[i / k * m + j], w[j * k + i % k], expected[i]);
            }
        }

        float[] dx = Samples.Constant(n * k, float.NaN);
        MatrixProduct.Multiply(dy, w, k, dx);
        Compare.SameBits(expected, dx, "dx");
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    [InlineData(258, 259, 722)] // dy is packed first, in two chunks of rows; in the first, three blocks of 240 columns would leave two.
    public void AddTransposedProduct_Size_IsTheChainFromWhatIsThere(int n, int k, int m)
    {
        float[] dy = Samples.Normal(n * m, seed: 1);
        float[] x = Samples.Normal(n * k, seed: 2);
        float[] dw = Samples.Normal(m * k, seed: 3);
        float[] expected = [.. dw];
        for (int i = 0; i < expected.Length; i++)
        {
            for (int row = 0; row < n; row++)
            {
                expected[i] = MathF.FusedMultiplyAdd(dy[row * m + i / k], x[row * k + i % k], expected[i]);
            }
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
}
