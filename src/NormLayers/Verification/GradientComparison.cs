using System.Globalization;
using NormLayers.Numerics;

namespace NormLayers.Verification;

/// <summary>One run of the gradient check: the gradients, their rounding, the second backward pass, and the quotients.</summary>
/// <param name="layer">The layer whose gradients are checked.</param>
/// <param name="reference">The same function in double, which is differenced; null to difference the layer itself.</param>
/// <param name="x">The input.</param>
/// <param name="shape">The input's shape.</param>
/// <param name="dy">The gradient with respect to the output.</param>
/// <param name="tolerance">The share of a gradient that its error may have.</param>
/// <param name="single">Whether the layer computes in float.</param>
internal sealed class GradientComparison(
    ReferenceLayer layer, ReferenceLayer? reference, double[] x, Shape shape, double[] dy, double tolerance, bool single)
{
    private const int NoisePasses = 16;
    private const string NotAdded = "the backward pass must add to this gradient, and a second one did not";
    private const string NotOverwritten = "the backward pass must overwrite this gradient, and a second one did not";

    private readonly RandomSource _random = new(17);

    private ReferenceLayer Differenced => reference ?? layer;

    // What a float layer without a reference makes of other inputs is no rounding of these: there only dy moves, in which a backward pass is linear.
    private bool MovesAll => reference is not null || !single;

    /// <summary>Compares every tensor.</summary>
    /// <param name="isCompared">Whether a parameter, by its place, gets a row.</param>
    public GradientReport Run(Func<int, bool> isCompared)
    {
        CheckParameters(layer);
        if (reference is not null)
        {
            CheckReference(reference);
        }

        string? hint = DifferingPasses();
        double[][] gradients = Pass(layer, x, dy);
        double[][] rounding = hint is null ? Rounding(gradients) : gradients;
        string?[] faults = hint is null ? SecondPass(gradients, rounding) : new string?[gradients.Length];
        Zero(layer);
        Pass(layer, x, dy);

        double[] y = [.. Differenced.Forward(x, shape)];
        DifferenceQuotients quotients = new(Differenced, x, shape, dy, y, OutputNoise(y), single && reference is null);
        List<TensorGradientError> rows = [];
        for (int t = 0; t < gradients.Length; t++)
        {
            bool isInput = t == gradients.Length - 1;
            if (isInput || isCompared(t))
            {
                (string name, double[] value) = isInput ? ("input", x) : (Differenced.Parameters[t].Name, Differenced.Parameters[t].Value);
                TensorGradientError row = hint is null ? Compare(quotients, name, value, gradients[t], rounding[t]) : Unknown(name, gradients[t]);
                rows.Add(row with { Fault = faults[t] });
            }
        }

        return new GradientReport(rows) { Hint = hint };
    }

    private static double Largest(double[] values) => values.Select(Math.Abs).DefaultIfEmpty().Max();

    private static TensorGradientError Unknown(string name, double[] gradient) =>
        new(name, gradient.Length, Largest(gradient), 0, double.NaN, 0, gradient.FirstOrDefault(), double.NaN);

    private static string LengthOf(double[]? values) => values is null ? "null" : $"{values.Length}";

    private string Named(ReferenceLayer of) => of == layer ? "the layer" : "the reference";

    private void CheckParameters(ReferenceLayer of)
    {
        if (of.Parameters is null || of.Parameters.Any(p => p?.Name is null || p.Value is null))
        {
            Throw.Argument(nameof(layer), $"parameters with names and values from {Named(of)}", "null");
        }

        foreach (ReferenceParameter parameter in of.Parameters.Where(p => p.Gradient?.Length != p.Value.Length))
        {
            Throw.Argument(nameof(layer), $"{parameter.Value.Length} numbers in the gradient of {Named(of)}'s '{parameter.Name}', as in its value", LengthOf(parameter.Gradient));
        }
    }

    private static void Zero(ReferenceLayer of)
    {
        foreach (ReferenceParameter parameter in of.Parameters)
        {
            Array.Clear(parameter.Gradient);
        }
    }

    private TensorGradientError Compare(DifferenceQuotients quotients, string name, double[] value, double[] gradient, double[] rounding)
    {
        TensorGradientError row = new(name, value.Length, Largest(gradient), 0, 0, 0, 0, 0);
        double worst = -1;
        double step = 0;
        for (int i = 0; i < value.Length; i++)
        {
            double own = tolerance * Math.Abs(gradient[i]) + 4 * rounding[i];
            (double numeric, double allowed) = quotients.Compare(value, i, gradient[i], own, ref step);
            double error = Math.Abs(numeric - gradient[i]);
            double ratio = error == 0 ? 0 : error / allowed;
            if (!(ratio <= worst))
            {
                worst = ratio;
                row = row with { LargestError = error, Tolerance = allowed, WorstIndex = i, Analytic = gradient[i], Numeric = numeric };
            }

            if (!double.IsFinite(error))
            {
                break;
            }
        }

        return row;
    }

    // One forward and one backward pass from the parameters' present gradients: the parameters' in order, then the input's.
    private double[][] Pass(ReferenceLayer of, double[] input, double[] upstream, bool clear = true)
    {
        if (clear)
        {
            Zero(of);
        }

        of.Forward(input, shape);
        double[]? dx = of.Backward(upstream);
        if (dx?.Length != input.Length)
        {
            Throw.Argument(nameof(layer), $"{input.Length} numbers from {Named(of)}'s backward pass, one for each of its input", LengthOf(dx));
        }

        return [.. of.Parameters.Select(p => (double[])p.Gradient.Clone()), (double[])dx.Clone()];
    }

    // A layer of one's own may have a reference that is another function.
    private void CheckReference(ReferenceLayer of)
    {
        CheckParameters(of);
        int[] expected = [.. layer.Parameters.Select(p => p.Value.Length)];
        int[] actual = [.. of.Parameters.Select(p => p.Value.Length)];
        if (!actual.AsSpan().SequenceEqual(expected))
        {
            Throw.Argument(nameof(layer), $"parameters of ({string.Join(", ", expected)}) numbers from {Named(of)}, as the layer's", $"({string.Join(", ", actual)})");
        }

        double[]? y = of.Forward(x, shape);
        if (y?.Length != dy.Length)
        {
            Throw.Argument(nameof(layer), $"{dy.Length} numbers from {Named(of)}'s forward pass, as the layer gives", LengthOf(y));
        }
    }

    private string? DifferingPasses()
    {
        double[] input = [.. x];
        double[] first = [.. layer.Forward(x, shape)];
        if (!x.AsSpan().SequenceEqual(input))
        {
            return "The forward pass overwrites its input: it must return an array of its own.";
        }

        double[] second = layer.Forward(x, shape);
        if (first.Length != second.Length)
        {
            return $"Two forward passes on the same input give {first.Length} and {second.Length} numbers.";
        }

        double largest = Largest(first);
        if (!double.IsFinite(largest))
        {
            return "The output of the forward pass is not finite, so it has no difference quotients.";
        }

        double difference = first.Zip(second, (a, b) => a.Equals(b) ? 0 : Math.Abs(a - b)).DefaultIfEmpty().Max();
        return difference <= (single ? 1e-4 : 1e-8) * largest
            ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"Two forward passes on the same input differ by up to {difference:g3}: the layer draws random numbers, or keeps state from pass to pass that its NamedState does not name. Fix both for the check.");
    }

    // It finds numbers as large as the gradients, and much larger than their rounding.
    private string?[] SecondPass(double[][] gradients, double[][] rounding)
    {
        double[] before = [.. gradients.Zip(rounding, (g, r) => Math.Max(Largest(g), 1e4 * Largest(r)) is var size and > 0 && double.IsFinite(size) ? size : 1)];
        for (int p = 0; p < layer.Parameters.Count; p++)
        {
            Array.Fill(layer.Parameters[p].Gradient, before[p]);
        }

        if (layer is CheckedLayer floats)
        {
            floats.Prefill = [.. x.Select(_ => 3 * before[^1])];
        }

        double[][] again = Pass(layer, x, dy, clear: false);
        string?[] faults = new string?[gradients.Length];
        for (int t = 0; t < gradients.Length; t++)
        {
            bool isInput = t == gradients.Length - 1;
            for (int i = 0; i < gradients[t].Length; i++)
            {
                double expected = gradients[t][i] + (isInput ? 0 : before[t]);
                if (Math.Abs(again[t][i] - expected) > 0.01 * (Math.Abs(gradients[t][i]) + (isInput && layer is not CheckedLayer ? 0 : before[t])) + 1e-6 * before[t])
                {
                    faults[t] = isInput ? NotOverwritten : NotAdded;
                }
            }
        }

        return faults;
    }

    // What each gradient moves by, at most, when its inputs move a little, less what the reference moves by.
    private double[][] Rounding(double[][] gradients)
    {
        double[][] rounding = Array.ConvertAll(gradients, g => new double[g.Length]);
        double[][]? exact = reference is null ? null : Pass(reference, x, dy);
        for (int pass = 0; pass < NoisePasses; pass++)
        {
            double[] movedX = MovesAll ? Moved(x) : x;
            double[] movedDy = Moved(dy);
            double[][] values = Array.ConvertAll([.. layer.Parameters], p => (double[])p.Value.Clone());
            SetParameters(MovesAll ? Array.ConvertAll(values, Moved) : values);
            double[][] moved = Pass(layer, movedX, movedDy);
            double[][]? exactMoved = reference is null ? null : Pass(reference, movedX, movedDy);
            SetParameters(values);
            for (int t = 0; t < gradients.Length; t++)
            {
                for (int i = 0; i < gradients[t].Length; i++)
                {
                    double change = moved[t][i] - gradients[t][i] - (exact is null ? 0 : exactMoved![t][i] - exact[t][i]);
                    rounding[t][i] = Math.Max(rounding[t][i], Math.Abs(change));
                }
            }
        }

        return rounding;
    }

    // In double the outputs' noise is what a unit in the last place of x and of the parameters does to them. Numbers move away from 0, so that
    // an index stays one; a pass in which an output jumps is left out. A float is taken as it is given.
    private double[] OutputNoise(double[] y)
    {
        double[] noise = new double[y.Length];
        if (single && reference is null)
        {
            return noise;
        }

        double largest = Largest(y);
        double[][] values = Array.ConvertAll([.. Differenced.Parameters], p => (double[])p.Value.Clone());
        double[] ownX = (double[])x.Clone();
        for (int pass = 0; pass < 3; pass++)
        {
            foreach ((double[] tensor, double[] own) in values.Select((own, p) => (Differenced.Parameters[p].Value, own)).Append((x, ownX)))
            {
                for (int i = 0; i < own.Length; i++)
                {
                    tensor[i] = _random.NextInt(2) == 0 ? own[i] : own[i] * (1 + Math.ScaleB(1, -52));
                }
            }

            double[] change = [.. Differenced.Forward(x, shape).Zip(y, (a, b) => Math.Abs(a - b))];
            if (change.All(c => c <= 1e-6 * largest))
            {
                noise = [.. noise.Zip(change, Math.Max)];
            }
        }

        for (int p = 0; p < values.Length; p++)
        {
            values[p].CopyTo(Differenced.Parameters[p].Value, 0);
        }

        ownX.CopyTo(x, 0);
        return noise;
    }

    private void SetParameters(double[][] values)
    {
        for (int p = 0; p < values.Length; p++)
        {
            values[p].CopyTo(layer.Parameters[p].Value, 0);
            values[p].CopyTo(Differenced.Parameters[p].Value, 0);
        }
    }

    // By up to two units in the last place, away from 0, so that an index stays one. Where a reference takes off what that really does, by up to
    // a thousandth more, so that every rounding on the way falls out anew.
    private double[] Moved(double[] values)
    {
        double mean = values.DefaultIfEmpty().Average();
        double spread = reference is null ? 0 : Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / Math.Max(1, values.Length));
        return Array.ConvertAll(values, v =>
        {
            double moved = v + _random.NextInt(3) * v * Math.ScaleB(1, single ? -23 : -52) + _random.NextDouble(-1e-3, 1e-3) * Math.Min(spread, Math.Abs(v));
            return single ? (float)moved : moved;
        });
    }
}
