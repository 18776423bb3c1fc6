using NormLayers.Network;

namespace NormLayers.Onnx.Tests;

/// <summary>A network in double, with a bound of what float arithmetic may differ from it.</summary>
/// <remarks>
/// First order in u = 2⁻²⁴: each layer passes on the error of its input, and adds that of its own sums: a sum of k terms in any order errs by at most
/// k·u·Σ|terms|. The variance may be E[x²] − E[x]², as ONNX Runtime computes it: its relative error is k·u·E[x²]/variance.
/// </remarks>
internal static class FloatError
{
    private static readonly double U = Math.ScaleB(1, -24);

    /// <summary>The output for rows of <paramref name="x"/> and, for each value of it, the bound.</summary>
    /// <param name="layer">The layer or network.</param>
    /// <param name="x">The input.</param>
    /// <param name="error">The bound of its error.</param>
    /// <param name="planeLength">L of (N, C, L) for normalizations of channels.</param>
    /// <param name="samples">N.</param>
    public static (double[] Y, double[] Error) Of(Layer layer, double[] x, double[] error, int planeLength, int samples) => layer switch
    {
        Sequential network => network.Layers.Aggregate((x, error), (value, inner) => Of(inner, value.x, value.error, planeLength, samples)),
        Rearrangement => (layer.CreateReference()!.Forward(x, (samples, x.Length / samples)), layer.CreateReference()!.Forward(error, (samples, x.Length / samples))),
        LocalResponseNorm norm => Of(norm, x, error, x.Length / samples / planeLength, planeLength),
        Linear linear => Of(linear, x, error),
        ReLU => (Array.ConvertAll(x, v => Math.Max(v, 0)), error),
        Sigmoid => (Array.ConvertAll(x, v => 1 / (1 + Math.Exp(-v))), Array.ConvertAll(error, e => e / 4 + 8 * U)),
        SiLU => (Array.ConvertAll(x, v => v / (1 + Math.Exp(-v))), [.. error.Zip(x, (e, v) => 1.1 * e + 8 * U * Math.Abs(v))]),
        Gelu => (layer.CreateReference()!.Forward(x, x.Length), [.. error.Zip(x, (e, v) => 1.2 * e + 16 * U * Math.Abs(v))]),
        BatchRenorm norm => Planes(norm, norm.Running!, Array.ConvertAll(norm.Running!.Deviation, s => (double)s), x, error, planeLength),
        BatchNorm norm => Planes(norm, norm.Running!, Array.ConvertAll(norm.Running!.Variance, v => Math.Sqrt(v + norm.Epsilon)), x, error, planeLength),
        InstanceNorm { Running: { } running } norm => Planes(norm, running, Array.ConvertAll(running.Variance, v => Math.Sqrt(v + norm.Epsilon)), x, error, planeLength),
        InstanceNorm norm => Groups(norm, norm.Channels, norm.Channels, planeLength, x, error),
        GroupNorm norm => Groups(norm, norm.Groups, norm.Channels, planeLength, x, error),
        ScaleNorm norm => Of(norm, x, error),
        DyT norm => Of(norm, x, error),
        DynamicLayerNorm norm => Of(norm, x, error),
        NormalizedLinear norm => OfUsed(norm, x, error),
        LayerNorm norm => Rows(norm.Features, x, error, Scale(norm.Gamma, norm.OnePlusGamma), norm.Beta?.Value, norm.Epsilon, centred: true, norm.HasReLU),
        RmsNorm norm => Rows(norm.Features, x, error, Scale(norm.Gamma, norm.OnePlusGamma), null, norm.Epsilon, centred: false, relu: false),
        _ => throw new ArgumentException(layer.GetType().Name, nameof(layer)),
    };

    private static (double[] Y, double[] Error) Of(Linear linear, double[] x, double[] error)
    {
        (int K, int M) = (linear.Inputs, linear.Outputs);
        double[] y = new double[x.Length / K * M];
        double[] bound = new double[y.Length];
        for (int i = 0; i < y.Length; i++)
        {
            (int n, int j) = (i / M, i % M);
            y[i] = linear.Bias?.Value[j] ?? 0;
            double terms = Math.Abs(y[i]);
            for (int k = 0; k < K; k++)
            {
                double term = x[n * K + k] * linear.Weight.Value[j * K + k];
                y[i] += term;
                terms += Math.Abs(term);
                bound[i] += error[n * K + k] * Math.Abs(linear.Weight.Value[j * K + k]);
            }

            bound[i] += (K + 2) * U * terms;
        }

        return (y, bound);
    }

    // The weights in use are floats, the same here and there.
    private static (double[] Y, double[] Error) OfUsed(NormalizedLinear layer, double[] x, double[] error)
    {
        layer.Forward(new float[layer.Linear.Inputs], (1, layer.Linear.Inputs), new float[layer.Linear.Outputs]);
        return Of(layer.Linear, x, error);
    }

    private static (double[] Y, double[] Error) Of(ScaleNorm norm, double[] x, double[] error)
    {
        double[] y = new double[x.Length];
        double[] bound = new double[x.Length];
        int C = norm.Features;
        for (int i = 0; i < x.Length; i++)
        {
            int first = i / C * C;
            double length = Math.Max(Math.Sqrt(x[first..(first + C)].Sum(v => v * v)), norm.Epsilon);
            double g = Scale(norm.G, norm.OnePlusG)![0];
            y[i] = g * x[i] / length;
            bound[i] = Math.Abs(g) / length * (error[i] + Math.Abs(x[i]) / length * error[first..(first + C)].Sum() + (C + 8) * U * Math.Abs(x[i]));
        }

        return (y, bound);
    }

    private static (double[] Y, double[] Error) Of(LocalResponseNorm norm, double[] x, double[] error, int channels, int length)
    {
        double[] y = new double[x.Length];
        double[] bound = new double[x.Length];
        int reach = norm.Size / 2;
        for (int i = 0; i < x.Length; i++)
        {
            int c = i / length % channels;
            double sum = norm.K;
            double passedOn = 0;

            // ONNX Runtime slides its window: it adds a square and takes one away, channel by channel, so that the errors of all squares stay.
            int sample = i / (channels * length) * channels * length + i % length;
            double slid = Enumerable.Range(0, channels).Sum(j => norm.Alpha / norm.Size * x[sample + j * length] * x[sample + j * length]);
            for (int j = Math.Max(0, c - reach); j <= Math.Min(channels - 1, c + reach); j++)
            {
                int at = i + (j - c) * length;
                sum += norm.Alpha / norm.Size * x[at] * x[at];
                passedOn += 2 * norm.Alpha / norm.Size * Math.Abs(x[at]) * error[at];
            }

            double factor = Math.Pow(sum, -norm.Beta);
            y[i] = x[i] * factor;
            bound[i] = factor * error[i] + Math.Abs(y[i]) * (norm.Beta * (passedOn + 2 * channels * U * slid) / sum + (norm.Size + 32) * U);
        }

        return (y, bound);
    }

    private static (double[] Y, double[] Error) Of(DyT norm, double[] x, double[] error)
    {
        double[] y = new double[x.Length];
        double[] bound = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            (double gamma, double beta) = (Scale(norm.Gamma, norm.OnePlusGamma)?[i % norm.Features] ?? 1, norm.Beta?.Value[i % norm.Features] ?? 0);
            double argument = norm.Alpha.Value[0] * x[i];
            y[i] = gamma * Math.Tanh(argument) + beta;
            bound[i] = Math.Abs(gamma) * (Math.Abs(norm.Alpha.Value[0]) * error[i] + 2 * U * Math.Abs(argument) + 8 * U) + 4 * U * Math.Abs(beta);
        }

        return (y, bound);
    }

    private static (double[] Y, double[] Error) Of(DynamicLayerNorm norm, double[] x, double[] error)
    {
        (double[] rows, double[] rowsError) = Rows(norm.Features, x, error, gamma: null, beta: null, norm.Epsilon, centred: true, relu: false);
        (double[] a, double[] aError) = Of(norm.ScaleMap, x, error);
        (double[] b, double[] bError) = Of(norm.ShiftMap, x, error);
        double[] y = [.. rows.Select((r, i) => (1 + a[i]) * r + b[i])];
        return (y, [.. y.Select((_, i) => (Math.Abs(1 + a[i]) + aError[i]) * rowsError[i] + Math.Abs(rows[i]) * (aError[i] + 4 * U * (1 + Math.Abs(a[i]))) + bError[i] + 2 * U * Math.Abs(b[i]))]);
    }

    // A group is a row whose γ and β repeat along each channel's positions.
    private static (double[] Y, double[] Error) Groups(NormalizationLayer norm, int groups, int channels, int length, double[] x, double[] error)
    {
        float[] gamma = Scale(norm.Gamma, norm.OnePlusGamma) ?? [.. Enumerable.Repeat(1f, channels)];
        float[] beta = norm.Beta?.Value ?? new float[channels];
        int size = channels / groups * length;
        double[] y = new double[x.Length];
        double[] bound = new double[x.Length];
        for (int first = 0; first < x.Length; first += size)
        {
            float[] Along(float[] ofChannels) => [.. Enumerable.Range(first, size).Select(i => ofChannels[i / length % channels])];
            (double[] part, double[] error0) = Rows(size, x[first..(first + size)], error[first..(first + size)], Along(gamma), Along(beta), norm.Epsilon, centred: true, norm.HasReLU);
            part.CopyTo(y, first);
            error0.CopyTo(bound, first);
        }

        return (y, bound);
    }

    private static (double[] Y, double[] Error) Planes(NormalizationLayer norm, RunningStatistics running, double[] deviation, double[] x, double[] error, int length)
    {
        int channels = deviation.Length;
        double[] y = new double[x.Length];
        double[] bound = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            int c = i / length % channels;
            double factor = (Scale(norm.Gamma, norm.OnePlusGamma)?[c] ?? 1) / deviation[c];
            double beta = norm.Beta?.Value[c] ?? 0;
            y[i] = factor * (x[i] - running.Mean[c]) + beta;
            bound[i] = Math.Abs(factor) * error[i] + 8 * U * (Math.Abs(factor * x[i]) + Math.Abs(factor * running.Mean[c]) + Math.Abs(beta));
            y[i] = norm.HasReLU ? Math.Max(y[i], 0) : y[i];
        }

        return (y, bound);
    }

    private static float[]? Scale(Parameter? gamma, bool onePlusGamma) => onePlusGamma ? Array.ConvertAll(gamma!.Value, g => 1 + g) : gamma?.Value;

    private static (double[] Y, double[] Error) Rows(int C, double[] x, double[] error, float[]? gamma, float[]? beta, double epsilon, bool centred, bool relu)
    {
        double[] y = new double[x.Length];
        double[] bound = new double[x.Length];
        for (int first = 0; first < x.Length; first += C)
        {
            double[] row = x[first..(first + C)];
            double[] e = error[first..(first + C)];
            double mean = centred ? row.Average() : 0;
            double rstd = 1 / Math.Sqrt(row.Average(v => (v - mean) * (v - mean)) + epsilon);
            double[] xHat = [.. row.Select(v => (v - mean) * rstd)];
            double squares = C * U * row.Average(v => v * v) * rstd * rstd;
            double sums = C * U * row.Average(Math.Abs) * rstd;
            for (int i = 0; i < C; i++)
            {
                (double scale, double shift) = (Math.Abs(gamma?[i] ?? 1), beta?[i] ?? 0);
                double passedOn = rstd * (e[i] + (centred ? e.Average() : 0) + Math.Abs(xHat[i]) * e.Zip(xHat, (a, b) => a * Math.Abs(b)).Average());
                double own = sums + Math.Abs(xHat[i]) * squares + 16 * U * (Math.Abs(xHat[i]) + Math.Abs(mean * rstd));
                double value = (gamma?[i] ?? 1) * xHat[i] + shift;
                y[first + i] = relu ? Math.Max(value, 0) : value;
                bound[first + i] = scale * (passedOn + own) + 8 * U * Math.Abs(shift);
            }
        }

        return (y, bound);
    }
}
