using NormLayers.Network;

namespace NormLayers.Onnx.Tests;

/// <summary>The model of <see cref="MiniLm"/> in double, one sentence at a time, as plain loops.</summary>
internal static class MiniLmReference
{
    private const int Features = MiniLmWeights.Features;
    private const int HeadFeatures = MiniLmWeights.HeadFeatures;

    /// <summary>The last layer's output for the tokens of one sentence, (tokens, 384).</summary>
    public static double[] Encode(MiniLmWeights weights, int[] tokens)
    {
        double[] x = new double[tokens.Length * Features];
        for (int i = 0; i < x.Length; i++)
        {
            (int t, int f) = Math.DivRem(i, Features);
            x[i] = (double)weights.Words[tokens[t] * Features + f] + weights.TokenTypes[f] + weights.Positions[i];
        }

        x = Normalize(weights.Norm, x);
        foreach (MiniLmWeights.Block block in weights.Blocks)
        {
            double[][] parts = Array.ConvertAll(block.QueryKeyValue, p => Multiply(x, p));
            double[] attended = Multiply(Attend(parts[0], parts[1], parts[2]), block.Attention);
            double[] y = Normalize(block.AttentionNorm, Add(attended, x));
            double[] inner = Multiply(y, block.Inner);
            inner = new Gelu().CreateReference().Forward(inner, inner.Length);
            x = Normalize(block.OuterNorm, Add(Multiply(inner, block.Outer), y));
        }

        return x;
    }

    /// <summary>The sentence's vector: the sum over its tokens, scaled to length 1.</summary>
    public static double[] Pool(double[] rows)
    {
        double[] sums = [.. Enumerable.Range(0, Features).Select(f => Enumerable.Range(0, rows.Length / Features).Sum(t => rows[t * Features + f]))];
        double length = Math.Sqrt(sums.Sum(s => s * s));
        return Array.ConvertAll(sums, s => s / length);
    }

    private static double[] Normalize(LayerNorm norm, double[] x) => norm.CreateReference().Forward(x, (x.Length / Features, Features));

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (v, w) => v + w)];

    private static double[] Multiply(double[] x, MiniLmWeights.DenseWeights dense)
    {
        int M = dense.Bias.Length;
        int K = dense.Weight.Length / M;
        double[] y = new double[x.Length / K * M];
        Parallel.For(0, x.Length / K, n =>
        {
            for (int j = 0; j < M; j++)
            {
                y[n * M + j] = dense.Bias[j];
            }

            for (int k = 0; k < K; k++)
            {
                for (int j = 0; j < M; j++)
                {
                    y[n * M + j] += x[n * K + k] * dense.Weight[k * M + j];
                }
            }
        });
        return y;
    }

    private static double[] Attend(double[] q, double[] k, double[] v)
    {
        int rows = q.Length / Features;
        double[] y = new double[q.Length];
        for (int h = 0; h < Features; h += HeadFeatures)
        {
            for (int i = 0; i < rows; i++)
            {
                double[] scores = [.. Enumerable.Range(0, rows).Select(j => Enumerable.Range(h, HeadFeatures).Sum(f => q[i * Features + f] * k[j * Features + f]) / Math.Sqrt(HeadFeatures))];
                double most = scores.Max();
                double[] weights = Array.ConvertAll(scores, s => Math.Exp(s - most));
                double sum = weights.Sum();
                for (int f = h; f < h + HeadFeatures; f++)
                {
                    y[i * Features + f] = Enumerable.Range(0, rows).Sum(j => weights[j] / sum * v[j * Features + f]);
                }
            }
        }

        return y;
    }
}
