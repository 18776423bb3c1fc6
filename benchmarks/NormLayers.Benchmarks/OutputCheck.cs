using NormLayers.Benchmarks.Peers;
using NormLayers.Cli.Bench;
using NormLayers.Network;

namespace NormLayers.Benchmarks;

/// <summary>Holds a peer's outputs to the double references, before anything is timed.</summary>
internal static class OutputCheck
{
    /// <summary>
    /// The largest error allowed, as a share of the largest value of the tensor (for dx, of γ·dy·rstd too, of which almost nothing is left
    /// where a set has two elements): what float libraries keep on data without extremes.
    /// </summary>
    public const double Tolerance = 1e-4;

    private const int RowsAtOnce = 256;
    private const int ChannelsAtOnce = 16;

    // Channels do not depend on each other: of a large tensor some stand for all.
    private const int MostElementsInFull = 1 << 20;
    private const int SampledBlocks = 4;

    // Beside tensors this large the collector would let gigabytes of what is no longer needed pile up.
    private const int HugeElements = 1 << 25;

    /// <summary>The worst error over all outputs, each as that share; NaN where an output is not finite.</summary>
    public static double WorstError(NormCase timed, NormData data, NormOutputs outputs) =>
        timed.Layer == NormalizationKind.BatchNorm ? CheckChannels(timed, data, outputs)
        : timed.Layer == NormalizationKind.LayerNorm || timed.Layer == NormalizationKind.RmsNorm ? CheckRows(timed, data, outputs)
        : CheckLayer(timed, data, outputs);

    /// <summary>The worst error of a product, from four of its rows, which do not depend on each other.</summary>
    public static double WorstError(ProductCase timed, ProductData data, float[] y)
    {
        Comparison all = new();
        for (int row = 0; row < timed.Rows; row += Math.Max(1, timed.Rows / 4))
        {
            ReadOnlySpan<float> x = data.X.AsSpan(row * timed.Inputs, timed.Inputs);
            double[] expected = new double[timed.Outputs];
            for (int j = 0; j < expected.Length; j++)
            {
                expected[j] = data.Bias[j];
                ReadOnlySpan<float> w = data.W.AsSpan(j * timed.Inputs, timed.Inputs);
                for (int k = 0; k < w.Length; k++)
                {
                    expected[j] += (double)x[k] * w[k];
                }
            }

            all.Add(expected, y.AsSpan(row * timed.Outputs, timed.Outputs));
        }

        return all.Error;
    }

    private static double CheckLayer(NormCase timed, NormData data, NormOutputs outputs)
    {
        ReferenceLayer reference = timed.CreateLayer(data).CreateReference() ?? throw new InvalidOperationException($"'{timed.LayerName}' has no reference");
        List<Comparison> all = [Comparison.Of(reference.Forward(ToDouble(data.X), timed.Shape), outputs.Y)];
        if (timed.HasBackward)
        {
            all.Add(Comparison.Of(reference.Backward(ToDouble(data.Dy)), outputs.Dx));
            all.AddRange(reference.Parameters.Zip((float[][])[outputs.DGamma, outputs.DBeta], (p, gradient) => Comparison.Of(p.Gradient, gradient)));
        }

        return Worst([.. all]);
    }

    private static double CheckRows(NormCase timed, NormData data, NormOutputs outputs)
    {
        int C = timed.Features;
        bool rms = timed.Layer == NormalizationKind.RmsNorm;
        double[] gamma = ToDouble(data.Gamma);
        double[] beta = ToDouble(data.Beta);
        double[] dGamma = new double[C];
        double[] dBeta = new double[C];
        Comparison y = new();
        Comparison dx = new();
        for (int start = 0; start < data.X.Length; start += RowsAtOnce * C)
        {
            int count = Math.Min(RowsAtOnce * C, data.X.Length - start);
            if (data.X.Length > HugeElements)
            {
                GC.Collect();
            }

            double[] x = ToDouble(data.X.AsSpan(start, count));
            (double[] expected, double[] meanOrMeanSquare, double[] rstd) =
                rms ? RmsNormReference.Forward(x, gamma, NormCase.Epsilon) : LayerNormReference.Forward(x, gamma, beta, NormCase.Epsilon);
            y.Add(expected, outputs.Y.AsSpan(start, count));
            if (timed.HasBackward)
            {
                double[] dy = ToDouble(data.Dy.AsSpan(start, count));
                double[] gradient = rms
                    ? RmsNormReference.Backward(x, dy, gamma, meanOrMeanSquare, rstd, dGamma)
                    : LayerNormReference.Backward(x, dy, gamma, meanOrMeanSquare, rstd, dGamma, dBeta);
                dx.Add(gradient, outputs.Dx.AsSpan(start, count));
                dx.AddTerms(dy, i => gamma[i % C] * rstd[i / C]);
            }
        }

        return !timed.HasBackward ? Worst(y)
            : rms ? Worst(y, dx, Comparison.Of(dGamma, outputs.DGamma))
            : Worst(y, dx, Comparison.Of(dGamma, outputs.DGamma), Comparison.Of(dBeta, outputs.DBeta));
    }

    private static double CheckChannels(NormCase timed, NormData data, NormOutputs outputs)
    {
        (Comparison y, Comparison dx, Comparison dGamma, Comparison dBeta) = (new(), new(), new(), new());
        int blocks = (timed.Features + ChannelsAtOnce - 1) / ChannelsAtOnce;
        int step = timed.Shape.Length <= MostElementsInFull ? 1 : Math.Max(1, blocks / SampledBlocks);
        for (int block = 0; block < blocks; block += step)
        {
            int first = block * ChannelsAtOnce;
            int count = Math.Min(ChannelsAtOnce, timed.Features - first);
            double[] Channels(float[] tensor) => Gather(tensor, timed, first, count);
            double[] PerChannel(float[] values) => ToDouble(values.AsSpan(first, count));

            double[] x = Channels(data.X);
            int[][] sets = IndexSets.Channels.Of((x.Length / (count * timed.Length), count, timed.Length));
            double[] gamma = PerChannel(data.Gamma);
            (double[] mean, double[] variance) = timed.Pass == NormPass.Evaluation
                ? (PerChannel(data.RunningMean), PerChannel(data.RunningVariance))
                : BatchNormReference.Statistics(x, sets);
            (double[] expected, double[] rstd) = BatchNormReference.Normalize(x, sets, mean, variance, gamma, PerChannel(data.Beta), NormCase.Epsilon);
            y.Add(expected, Channels(outputs.Y));
            if (timed.HasBackward)
            {
                double[] gammaGradient = new double[count];
                double[] betaGradient = new double[count];
                double[] dy = Channels(data.Dy);
                double[] gradient = BatchNormReference.Backward(x, dy, sets, mean, rstd, gamma, batchStatistics: true, gammaGradient, betaGradient);
                dx.Add(gradient, Channels(outputs.Dx));
                dx.AddTerms(dy, i => gamma[i / timed.Length % count] * rstd[i / timed.Length % count]);
                dGamma.Add(gammaGradient, PerChannel(outputs.DGamma));
                dBeta.Add(betaGradient, PerChannel(outputs.DBeta));
            }
        }

        return timed.HasBackward ? Worst(y, dx, dGamma, dBeta) : Worst(y);
    }

    private static double[] Gather(float[] tensor, NormCase timed, int firstChannel, int channels)
    {
        int L = timed.Length;
        double[] gathered = new double[timed.Shape[0] * channels * L];
        for (int n = 0; n < timed.Shape[0]; n++)
        {
            int from = (n * timed.Features + firstChannel) * L;
            for (int i = 0; i < channels * L; i++)
            {
                gathered[n * channels * L + i] = tensor[from + i];
            }
        }

        return gathered;
    }

    private static double[] ToDouble(ReadOnlySpan<float> values)
    {
        double[] converted = new double[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            converted[i] = values[i];
        }

        return converted;
    }

    // Max keeps NaN.
    private static double Worst(params ReadOnlySpan<Comparison> comparisons)
    {
        double worst = 0;
        foreach (Comparison comparison in comparisons)
        {
            worst = Math.Max(worst, comparison.Error);
        }

        return worst;
    }

    private sealed class Comparison
    {
        private double _difference;
        private double _largest;

        public double Error => _largest > 0 ? _difference / _largest : double.NaN;

        public static Comparison Of(double[] expected, float[] actual)
        {
            Comparison comparison = new();
            comparison.Add(expected, actual.AsSpan());
            return comparison;
        }

        public void Add(double[] expected, ReadOnlySpan<float> actual) => Add(expected, ToDouble(actual));

        public void Add(double[] expected, double[] actual)
        {
            for (int i = 0; i < expected.Length; i++)
            {
                _difference = Math.Max(_difference, Math.Abs(expected[i] - actual[i]));
                _largest = Math.Max(_largest, Math.Abs(expected[i]));
            }
        }

        // Of what the expected values are sums of, one term.
        public void AddTerms(double[] values, Func<int, double> factor)
        {
            for (int i = 0; i < values.Length; i++)
            {
                _largest = Math.Max(_largest, Math.Abs(values[i] * factor(i)));
            }
        }
    }
}
