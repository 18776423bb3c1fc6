using System.Numerics.Tensors;

namespace NormLayers.Numerics;

/// <summary>The three products of a linear layer's training step, on row-major float matrices.</summary>
/// <remarks>
/// Every output element is one chain of multiply, then add, over its index in order (never fused), whatever the vector
/// width; so its bits depend neither on the machine nor on which other rows share the batch.
/// </remarks>
internal static class MatrixProduct
{
    /// <summary>y = x·wᵀ + bias: overwrites <paramref name="y"/>.</summary>
    /// <param name="x">(N, K).</param>
    /// <param name="w">(M, K).</param>
    /// <param name="bias">(M); empty means zeros.</param>
    /// <param name="inner">K.</param>
    /// <param name="y">(N, M).</param>
    /// <param name="workspace">Overwritten, K·M.</param>
    public static void MultiplyTransposed(
        ReadOnlySpan<float> x, ReadOnlySpan<float> w, ReadOnlySpan<float> bias, int inner, Span<float> y, Span<float> workspace)
    {
        int K = inner;
        int M = w.Length / K;
        Span<float> transposed = workspace[..w.Length];
        for (int j = 0; j < M; j++)
        {
            for (int k = 0; k < K; k++)
            {
                transposed[k * M + j] = w[j * K + k];
            }
        }

        for (int n = 0; n < x.Length / K; n++)
        {
            Span<float> output = y.Slice(n * M, M);
            if (bias.IsEmpty)
            {
                output.Clear();
            }
            else
            {
                bias.CopyTo(output);
            }

            AddCombination(x.Slice(n * K, K), transposed, output);
        }
    }

    /// <summary>dx = dy·w: overwrites <paramref name="dx"/>.</summary>
    /// <param name="dy">(N, M).</param>
    /// <param name="w">(M, K).</param>
    /// <param name="inner">K.</param>
    /// <param name="dx">(N, K).</param>
    public static void Multiply(ReadOnlySpan<float> dy, ReadOnlySpan<float> w, int inner, Span<float> dx)
    {
        int K = inner;
        int M = w.Length / K;
        for (int n = 0; n < dy.Length / M; n++)
        {
            Span<float> output = dx.Slice(n * K, K);
            output.Clear();
            AddCombination(dy.Slice(n * M, M), w, output);
        }
    }

    /// <summary>dw += dyᵀ·x: <b>adds to</b> <paramref name="dw"/>.</summary>
    /// <param name="dy">(N, M).</param>
    /// <param name="x">(N, K).</param>
    /// <param name="inner">K.</param>
    /// <param name="dw">(M, K).</param>
    public static void AddTransposedProduct(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, int inner, Span<float> dw)
    {
        int K = inner;
        int M = dw.Length / K;
        for (int j = 0; j < M; j++)
        {
            Span<float> output = dw.Slice(j * K, K);
            for (int n = 0; n < x.Length / K; n++)
            {
                TensorPrimitives.MultiplyAdd(x.Slice(n * K, K), dy[n * M + j], output, output);
            }
        }
    }

    // output += Σ coefficients[k] · rows[k]
    private static void AddCombination(ReadOnlySpan<float> coefficients, ReadOnlySpan<float> rows, Span<float> output)
    {
        for (int k = 0; k < coefficients.Length; k++)
        {
            TensorPrimitives.MultiplyAdd(rows.Slice(k * output.Length, output.Length), coefficients[k], output, output);
        }
    }
}
