using System.Globalization;
using NormLayers.Numerics;

namespace NormLayers.Verification;

/// <summary>Holds every normalization layer of the library to its reference in double, and to difference quotients.</summary>
/// <remarks>
/// Outputs, gradients and running statistics are compared with plain loops in double, on shapes that reach each way through the engines;
/// where an input is small, each gradient is compared with a difference quotient too. γ is not constant, x has an offset, dy a mean, and ε is large enough to be seen.
/// </remarks>
public static class LayerCheck
{
    /// <summary>The largest error allowed, as a share of the tensor's largest value.</summary>
    public const double Bound = 2e-6;

    private const int MostForQuotients = 160;

    /// <summary>Checks every layer.</summary>
    /// <param name="cancellationToken">Stops between two cases.</param>
    /// <returns>A row for each layer.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IReadOnlyList<LayerCheckRow> Run(CancellationToken cancellationToken = default) => Run(LayerCase.All, cancellationToken);

    internal static IReadOnlyList<LayerCheckRow> Run(IReadOnlyList<LayerCase> cases, CancellationToken cancellationToken)
    {
        List<LayerCheckRow> rows = [];
        foreach (IGrouping<string, LayerCase> layer in cases.GroupBy(c => c.Create().GetType().Name))
        {
            Findings findings = new();
            foreach (LayerCase one in layer)
            {
                cancellationToken.ThrowIfCancellationRequested();
                try
                {
                    Check(one, findings);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    findings.Faults.Add($"{one.Shape} throws: {e.Message}");
                }
            }

            rows.Add(new LayerCheckRow(layer.Key, layer.Count(), findings.Values, findings.WorstError, findings.Quotients, findings.WorstQuotient)
            {
                Faults = findings.Faults,
            });
        }

        return rows;
    }

    private static void Check(LayerCase one, Findings findings)
    {
        RandomSource random = new(7);
        Shape shape = one.Shape;
        float[] x = Draw(shape.Length, () => one.Scale * (0.5 + 1.5 * random.NextNormal()));
        Layer layer = Prepared(one, random);
        float[] dy = Draw(layer.OutputShape(shape).Length, () => 0.4 + random.NextNormal());
        ReferenceLayer reference = layer.CreateReference()!;
        (double[] Mean, double[] Spread)? running = layer is RunningLayer { Training: true, Running: not null } tracking ? Expected(tracking, Wide(x), shape) : null;
        double[] exactY = reference.Forward(Wide(x), shape);
        double[] exactDx = reference.Backward(Wide(dy));
        float[] y = Draw(dy.Length, () => double.NaN); // What is not overwritten shows.
        float[] dx = Draw(x.Length, () => double.NaN);
        layer.Forward(x, shape, y);
        layer.Backward(x, dy, dx);

        string place = string.Create(CultureInfo.InvariantCulture, $"{shape}{(one.Evaluation ? ", evaluation" : string.Empty)}{(one.Masked ? ", masked" : one.ElementsMasked ? ", elements masked" : string.Empty)}");
        findings.Compare($"y of {place}", y, exactY);
        findings.Compare($"dx of {place}", dx, exactDx);
        (string Name, float[] Gradient)[] gradients = [.. layer.Parameters.Select(p => (p.Name, p.Gradient)), .. one.ConditionGradients(layer)];
        foreach (((string name, float[] gradient), ReferenceParameter exact) in gradients.Zip(reference.Parameters))
        {
            findings.Compare($"the gradient of {name} of {place}", gradient, exact.Gradient);
        }

        if (running is { } expected)
        {
            RunningStatistics actual = ((INormalization)layer).Running!;
            findings.Compare($"the running mean of {place}", actual.Mean, expected.Mean);
            findings.Compare($"the running variance of {place}", actual.Spread, expected.Spread);
        }

        if (shape.Length <= MostForQuotients && one.Scale == 1)
        {
            // A condition is no parameter of the layer, but of the reference.
            Layer fresh = Prepared(one, new RandomSource(7));
            findings.Take(place, gradients.Length > layer.Parameters.Count ? GradientCheck.Check(fresh.CreateReference()!, shape) : GradientCheck.Check(fresh, shape));
        }
    }

    private static Layer Prepared(LayerCase one, RandomSource random)
    {
        Layer layer = one.Create();
        layer.Training = !one.Evaluation;
        if (one.Masked)
        {
            MaskableLayer masked = (MaskableLayer)layer;
            masked.Mask = [.. Enumerable.Range(0, one.Shape.Length / masked.MaskedTogether).Select(one.Keeps)];
        }
        else if (one.ElementsMasked)
        {
            ((MaskableLayer)layer).Mask = [.. Enumerable.Range(0, one.Shape.Length).Select(one.KeepsElement)];
        }

        foreach (Parameter parameter in layer.Parameters)
        {
            foreach (ref float value in parameter.Value.AsSpan())
            {
                value += (float)(0.4 * random.NextNormal());
            }
        }

        if (layer is INormalization { Running: { } running })
        {
            Draw(running.Mean.Length, () => 0.4 + 0.5 * random.NextNormal()).CopyTo(running.Mean, 0);
            Draw(running.Mean.Length, () => random.NextDouble(0.5, 3)).CopyTo(running.Spread, 0);
        }

        return layer;
    }

    // The running statistics after a batch: a step for each that training takes.
    private static (double[] Mean, double[] Spread) Expected(RunningLayer layer, double[] x, Shape shape)
    {
        (double[] mean, double[] spread) = layer.Running!.Wide();
        double w = layer.Momentum.WeightOfBatch(1);
        foreach ((double[] Mean, double[] Spread) batch in layer.ReferenceSteps(x, shape))
        {
            for (int c = 0; c < mean.Length; c++)
            {
                mean[c] += w * (batch.Mean[c] - mean[c]);
                spread[c] += w * (batch.Spread[c] - spread[c]);
            }
        }

        return (mean, spread);
    }

    private static float[] Draw(int count, Func<double> draw)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)draw();
        }

        return values;
    }

    private static double[] Wide(float[] values) => Array.ConvertAll(values, v => (double)v);

    /// <summary>What was seen of one layer so far.</summary>
    private sealed class Findings
    {
        public long Values { get; private set; }

        public double WorstError { get; private set; }

        public long Quotients { get; private set; }

        public double WorstQuotient { get; private set; }

        public List<string> Faults { get; } = [];

        public void Compare(string what, ReadOnlySpan<float> actual, double[] exact)
        {
            if (actual.Length != exact.Length || exact.Length == 0)
            {
                Faults.Add(string.Create(CultureInfo.InvariantCulture, $"{what} has {actual.Length} values, and the reference {exact.Length}"));
                return;
            }

            double largest = exact.Max(Math.Abs);
            int worst = 0;
            double error = 0;
            for (int i = 0; i < exact.Length; i++)
            {
                double own = Math.Abs(actual[i] - exact[i]) / largest;
                if (!(own <= error))
                {
                    (worst, error) = (i, own);
                }

                if (double.IsNaN(own))
                {
                    break;
                }
            }

            Values += exact.Length;
            WorstError = Math.Max(WorstError, error);
            if (!(error <= Bound))
            {
                Faults.Add(string.Create(CultureInfo.InvariantCulture, $"{what} at [{worst}]: {actual[worst]:g9}, the reference has {exact[worst]:g9}"));
            }
        }

        public void Take(string place, GradientReport report)
        {
            foreach (TensorGradientError row in report.Tensors)
            {
                Quotients += row.Elements;
                WorstQuotient = Math.Max(WorstQuotient, row.LargestError == 0 ? 0 : row.LargestError / row.Tolerance);
                if (!row.Passed)
                {
                    Faults.Add(string.Create(CultureInfo.InvariantCulture, $"{row.Tensor} of {place} at [{row.WorstIndex}]: gradient {row.Analytic:g9}, difference quotient {row.Numeric:g9}{(row.Fault is null ? string.Empty : "; " + row.Fault)}"));
                }
            }
        }
    }
}
