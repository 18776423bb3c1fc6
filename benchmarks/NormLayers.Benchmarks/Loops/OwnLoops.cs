using System.Numerics;
using System.Numerics.Tensors;

namespace NormLayers.Benchmarks.Loops;

/// <summary>A normalization of rows: x and y of rows·C elements, gamma and beta of C.</summary>
internal delegate void Loop(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> y);

/// <summary>Skip + norm: sum = x + residual, y = the normalization of sum; all of rows·C elements.</summary>
internal delegate void SkipLoop(ReadOnlySpan<float> x, ReadOnlySpan<float> residual, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> sum, Span<float> y);

/// <summary>Layer and RMS normalization, and skip + norm, as programs write them for themselves: the usual ways, none of them ours.</summary>
internal static class OwnLoops
{
    /// <summary>Layer normalization, each way.</summary>
    public static IReadOnlyList<(string Name, Loop Run)> LayerNorm { get; } =
    [
        ("E[x²] − E[x]², float", Moments),
        ("E[x²] − E[x]², `Vector<float>`", VectorMoments),
        ("two loops, float", TwoLoops),
        ("Welford, float", Welford),
        ("two loops, double", DoubleLoops),
        ("TensorPrimitives", TensorLayerNorm),
    ];

    /// <summary>RMS normalization, each way.</summary>
    public static IReadOnlyList<(string Name, Loop Run)> RmsNorm { get; } =
    [
        ("one loop, float", PlainRms),
        ("one loop, double", DoubleRms),
        ("one loop, `Vector<float>`", VectorRms),
        ("TensorPrimitives", TensorRms),
    ];

    /// <summary>Skip + layer normalization: the residual is added in the pass of the sums, or in one of its own.</summary>
    public static IReadOnlyList<(string Name, SkipLoop Run)> SkipLayerNorm { get; } =
    [
        ("skip + E[x²] − E[x]², float", SkipMoments),
        ("skip + two loops, float", After(TwoLoops)),
        ("skip + TensorPrimitives", TensorAfter(TensorLayerNorm)),
    ];

    /// <summary>Skip + RMS normalization: the residual is added in a pass of its own.</summary>
    public static IReadOnlyList<(string Name, SkipLoop Run)> SkipRmsNorm { get; } = [("skip + one loop, float", After(PlainRms)), ("skip + TensorPrimitives", TensorAfter(TensorRms))];

    private static SkipLoop After(Loop norm) => (x, residual, gamma, beta, epsilon, sum, y) =>
    {
        for (int i = 0; i < x.Length; i++)
        {
            sum[i] = x[i] + residual[i];
        }

        norm(sum, gamma, beta, epsilon, y);
    };

    private static SkipLoop TensorAfter(Loop norm) => (x, residual, gamma, beta, epsilon, sum, y) =>
    {
        TensorPrimitives.Add(x, residual, sum);
        norm(sum, gamma, beta, epsilon, y);
    };

    private static void Moments(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> y)
    {
        int C = gamma.Length;
        for (int start = 0; start < x.Length; start += C)
        {
            (float sum, float squares) = (0, 0);
            for (int c = 0; c < C; c++)
            {
                sum += x[start + c];
                squares += x[start + c] * x[start + c];
            }

            float mean = sum / C;
            Write(x, gamma, beta, y, start, mean, 1 / MathF.Sqrt(squares / C - mean * mean + epsilon));
        }
    }

    private static void SkipMoments(ReadOnlySpan<float> x, ReadOnlySpan<float> residual, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> sum, Span<float> y)
    {
        int C = gamma.Length;
        for (int start = 0; start < x.Length; start += C)
        {
            (float total, float squares) = (0, 0);
            for (int c = 0; c < C; c++)
            {
                float value = x[start + c] + residual[start + c];
                sum[start + c] = value;
                total += value;
                squares += value * value;
            }

            float mean = total / C;
            Write(sum, gamma, beta, y, start, mean, 1 / MathF.Sqrt(squares / C - mean * mean + epsilon));
        }
    }

    private static void VectorMoments(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> y)
    {
        int C = gamma.Length;
        for (int start = 0; start < x.Length; start += C)
        {
            (Vector<float> sums, Vector<float> squares) = (Vector<float>.Zero, Vector<float>.Zero);
            ReadOnlySpan<float> row = x.Slice(start, C);
            int c = 0;
            for (; c <= C - Vector<float>.Count; c += Vector<float>.Count)
            {
                Vector<float> v = new(row[c..]);
                sums += v;
                squares += v * v;
            }

            (float sum, float square) = (Vector.Sum(sums), Vector.Sum(squares));
            for (; c < C; c++)
            {
                sum += row[c];
                square += row[c] * row[c];
            }

            float mean = sum / C;
            Write(x, gamma, beta, y, start, mean, 1 / MathF.Sqrt(square / C - mean * mean + epsilon));
        }
    }

    public static void TwoLoops(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> y)
    {
        int C = gamma.Length;
        for (int start = 0; start < x.Length; start += C)
        {
            float sum = 0;
            for (int c = 0; c < C; c++)
            {
                sum += x[start + c];
            }

            (float mean, float squares) = (sum / C, 0);
            for (int c = 0; c < C; c++)
            {
                squares += (x[start + c] - mean) * (x[start + c] - mean);
            }

            Write(x, gamma, beta, y, start, mean, 1 / MathF.Sqrt(squares / C + epsilon));
        }
    }

    private static void Welford(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> y)
    {
        int C = gamma.Length;
        for (int start = 0; start < x.Length; start += C)
        {
            (float mean, float squares) = (0, 0);
            for (int c = 0; c < C; c++)
            {
                float difference = x[start + c] - mean;
                mean += difference / (c + 1);
                squares += difference * (x[start + c] - mean);
            }

            Write(x, gamma, beta, y, start, mean, 1 / MathF.Sqrt(squares / C + epsilon));
        }
    }

    private static void DoubleLoops(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> y)
    {
        int C = gamma.Length;
        for (int start = 0; start < x.Length; start += C)
        {
            double sum = 0;
            for (int c = 0; c < C; c++)
            {
                sum += x[start + c];
            }

            (double mean, double squares) = (sum / C, 0);
            for (int c = 0; c < C; c++)
            {
                squares += (x[start + c] - mean) * (x[start + c] - mean);
            }

            double rstd = 1 / Math.Sqrt(squares / C + epsilon);
            for (int c = 0; c < C; c++)
            {
                y[start + c] = (float)((x[start + c] - mean) * rstd * gamma[c] + beta[c]);
            }
        }
    }

    private static void DoubleRms(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> y)
    {
        int C = gamma.Length;
        for (int start = 0; start < x.Length; start += C)
        {
            double squares = 0;
            for (int c = 0; c < C; c++)
            {
                squares += (double)x[start + c] * x[start + c];
            }

            double scale = 1 / Math.Sqrt(squares / C + epsilon);
            for (int c = 0; c < C; c++)
            {
                y[start + c] = (float)(gamma[c] * (x[start + c] * scale));
            }
        }
    }

    private static void TensorLayerNorm(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> y)
    {
        int C = gamma.Length;
        for (int start = 0; start < x.Length; start += C)
        {
            ReadOnlySpan<float> row = x.Slice(start, C);
            Span<float> result = y.Slice(start, C);
            TensorPrimitives.Subtract(row, TensorPrimitives.Sum(row) / C, result);
            TensorPrimitives.Multiply(result, 1 / MathF.Sqrt(TensorPrimitives.SumOfSquares<float>(result) / C + epsilon), result);
            TensorPrimitives.MultiplyAdd(result, gamma, beta, result);
        }
    }

    public static void PlainRms(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> y)
    {
        int C = gamma.Length;
        for (int start = 0; start < x.Length; start += C)
        {
            float squares = 0;
            for (int c = 0; c < C; c++)
            {
                squares += x[start + c] * x[start + c];
            }

            float scale = 1 / MathF.Sqrt(squares / C + epsilon);
            for (int c = 0; c < C; c++)
            {
                y[start + c] = gamma[c] * (x[start + c] * scale);
            }
        }
    }

    private static void VectorRms(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> y)
    {
        int C = gamma.Length;
        for (int start = 0; start < x.Length; start += C)
        {
            ReadOnlySpan<float> row = x.Slice(start, C);
            Span<float> result = y.Slice(start, C);
            Vector<float> sums = Vector<float>.Zero;
            int c = 0;
            for (; c <= C - Vector<float>.Count; c += Vector<float>.Count)
            {
                Vector<float> v = new(row[c..]);
                sums += v * v;
            }

            float squares = Vector.Sum(sums);
            for (; c < C; c++)
            {
                squares += row[c] * row[c];
            }

            float scale = 1 / MathF.Sqrt(squares / C + epsilon);
            for (c = 0; c <= C - Vector<float>.Count; c += Vector<float>.Count)
            {
                (new Vector<float>(row[c..]) * scale * new Vector<float>(gamma[c..])).CopyTo(result[c..]);
            }

            for (; c < C; c++)
            {
                result[c] = row[c] * scale * gamma[c];
            }
        }
    }

    private static void TensorRms(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, float epsilon, Span<float> y)
    {
        int C = gamma.Length;
        for (int start = 0; start < x.Length; start += C)
        {
            ReadOnlySpan<float> row = x.Slice(start, C);
            Span<float> result = y.Slice(start, C);
            TensorPrimitives.Multiply(row, 1 / MathF.Sqrt(TensorPrimitives.SumOfSquares(row) / C + epsilon), result);
            TensorPrimitives.Multiply(result, gamma, result);
        }
    }

    private static void Write(ReadOnlySpan<float> x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, Span<float> y, int start, float mean, float rstd)
    {
        for (int c = 0; c < gamma.Length; c++)
        {
            y[start + c] = (x[start + c] - mean) * rstd * gamma[c] + beta[c];
        }
    }
}
