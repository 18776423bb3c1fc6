using NormLayers.Numerics;

namespace NormLayers.Verification;

/// <summary>Compares the gradients of a layer or network with central differences in double, tensor by tensor.</summary>
/// <remarks>
/// <para>The scalar under test is Σ dy·y with a random dy of mean 0.4, so that no term of a backward pass is multiplied by
/// zero: with dy all ones the true dx of a normalization layer is 0, and a backward pass that returns zeros would pass.</para>
/// <para>For each element θ the difference quotient is Σ dy·(y(θ+h) − y(θ−h)) / 2h, with h = ∛u times the larger of |θ|
/// and the root mean square of θ's tensor (1 if that is 0), u being the unit roundoff: that balances the error of the formula (h²)
/// against that of rounding (u/h). Where quotient and gradient disagree, h is made 16 and 256 times smaller, in case a kink
/// (of a ReLU) lies between θ−h and θ+h; a wrong gradient is wrong for every h.</para>
/// </remarks>
public static class GradientCheck
{
    private const double DoubleRoundoff = 1.1102230246251565e-16;
    private const double FloatRoundoff = 5.9604644775390625e-8;

    /// <summary>Checks a layer written in double: yours, or one of the references.</summary>
    /// <param name="layer">The layer; the gradients of its parameters are overwritten.</param>
    /// <param name="input">The shape of its input.</param>
    /// <param name="options">Seed, input and tolerance; null for the defaults.</param>
    /// <returns>A row for each parameter and the input.</returns>
    /// <exception cref="ArgumentException"><see cref="GradientCheckOptions.Input"/> does not have the shape's length.</exception>
    public static GradientReport Check(ReferenceLayer layer, Shape input, GradientCheckOptions? options = null)
    {
        options ??= new GradientCheckOptions();
        double[] x = InputOf(input, options);
        double[] dy = Upstream(layer.Forward(x, input).Length, options);
        foreach (ReferenceParameter parameter in layer.Parameters)
        {
            Array.Clear(parameter.Gradient);
        }

        double[] dx = layer.Backward(dy);
        List<Tensor> tensors = [.. layer.Parameters.Select(p => new Tensor(p.Name, p.Value, [.. p.Gradient])), new Tensor("input", x, dx)];
        return Compare(layer, x, input, dy, tensors, DoubleRoundoff, options.Tolerance ?? 1e-6);
    }

    /// <summary>Checks the float gradients of a layer or network against differences of its double twin.</summary>
    /// <param name="layer">
    /// The layer, in the mode it is in. It makes one forward and one backward pass: its gradients are overwritten, and running
    /// statistics take in one batch. A layer without a twin (<see cref="Layer.CreateReference"/> gives null) is differenced in
    /// float, with a tolerance a hundred times wider.
    /// </param>
    /// <param name="input">The shape of its input.</param>
    /// <param name="options">Seed, input and tolerance; null for the defaults.</param>
    /// <returns>A row for each parameter that is not frozen and for the input.</returns>
    /// <exception cref="ArgumentException"><see cref="GradientCheckOptions.Input"/> does not have the shape's length.</exception>
    public static GradientReport Check(Layer layer, Shape input, GradientCheckOptions? options = null)
    {
        options ??= new GradientCheckOptions();
        ReferenceLayer? twin = layer.CreateReference();
        float[] x = Array.ConvertAll(InputOf(input, options), v => (float)v);
        float[] y = new float[layer.OutputShape(input).Length];
        float[] dy = Array.ConvertAll(Upstream(y.Length, options), v => (float)v);
        float[] dx = new float[x.Length];
        layer.ZeroGradients();
        layer.Forward(x, input, y);
        layer.Backward(x, dy, dx);

        ReferenceLayer differenced = twin ?? new FloatLayer(layer);
        double[] exactX = ToDouble(x);
        List<Tensor> tensors = [];
        foreach ((Parameter parameter, ReferenceParameter reference) in layer.Parameters.Zip(differenced.Parameters))
        {
            if (!parameter.Frozen)
            {
                tensors.Add(new Tensor(reference.Name, reference.Value, ToDouble(parameter.Gradient)));
            }
        }

        tensors.Add(new Tensor("input", exactX, ToDouble(dx)));
        return twin is null
            ? Compare(differenced, exactX, input, ToDouble(dy), tensors, FloatRoundoff, options.Tolerance ?? 1e-3)
            : Compare(differenced, exactX, input, ToDouble(dy), tensors, DoubleRoundoff, options.Tolerance ?? 1e-5);
    }

    private static GradientReport Compare(
        ReferenceLayer layer, double[] x, Shape shape, double[] dy, List<Tensor> tensors, double roundoff, double tolerance)
    {
        double largestOfAll = tensors.Max(t => t.Gradient.Select(Math.Abs).DefaultIfEmpty().Max());
        List<TensorGradientError> rows = [];
        foreach (Tensor tensor in tensors)
        {
            double largest = tensor.Gradient.Select(Math.Abs).DefaultIfEmpty().Max();
            double allowed = tolerance * Math.Max(largest, 0.1 * largestOfAll);
            double scale = Scale(tensor.Value);
            TensorGradientError row = new(tensor.Name, tensor.Value.Length, largest, allowed, 0, 0, 0, 0);
            for (int i = 0; i < tensor.Value.Length; i++)
            {
                double h = Math.Cbrt(roundoff) * Math.Max(Math.Abs(tensor.Value[i]), scale);
                double numeric = Quotient(layer, x, shape, dy, tensor.Value, i, h);
                double error = Math.Abs(numeric - tensor.Gradient[i]);
                for (int retry = 1; retry <= 2 && error > allowed; retry++)
                {
                    double closer = Quotient(layer, x, shape, dy, tensor.Value, i, h / Math.Pow(16, retry));
                    if (Math.Abs(closer - tensor.Gradient[i]) < error)
                    {
                        (numeric, error) = (closer, Math.Abs(closer - tensor.Gradient[i]));
                    }
                }

                if (i == 0 || !(error <= row.LargestError))
                {
                    row = row with { LargestError = error, WorstIndex = i, Analytic = tensor.Gradient[i], Numeric = numeric };
                }

                if (double.IsNaN(error))
                {
                    break;
                }
            }

            rows.Add(row);
        }

        return new GradientReport(rows);
    }

    private static double Scale(double[] values)
    {
        double meanSquare = values.Sum(v => v * v) / Math.Max(1, values.Length);
        return meanSquare > 0 ? Math.Sqrt(meanSquare) : 1;
    }

    private static double Quotient(ReferenceLayer layer, double[] x, Shape shape, double[] dy, double[] tensor, int index, double h)
    {
        double value = tensor[index];
        tensor[index] = value + h;
        double[] above = layer.Forward(x, shape);
        tensor[index] = value - h;
        double[] below = layer.Forward(x, shape);
        tensor[index] = value;
        double sum = 0;
        for (int i = 0; i < dy.Length; i++)
        {
            sum += dy[i] * (above[i] - below[i]);
        }

        return sum / (value + h - (value - h));
    }

    private static double[] InputOf(Shape shape, GradientCheckOptions options)
    {
        if (options.Input is { } given)
        {
            Throw.IfLengthDiffers(given.Count, shape, nameof(options.Input));
            return [.. given];
        }

        return Normal(shape.Length, 0.5, new RandomSource(options.Seed));
    }

    private static double[] Upstream(int length, GradientCheckOptions options) => Normal(length, 0.4, new RandomSource(~options.Seed));

    private static double[] Normal(int length, double mean, RandomSource random)
    {
        double[] values = new double[length];
        for (int i = 0; i < length; i++)
        {
            values[i] = mean + random.NextNormal();
        }

        return values;
    }

    private static double[] ToDouble(float[] values) => Array.ConvertAll(values, v => (double)v);

    private sealed record Tensor(string Name, double[] Value, double[] Gradient);

    /// <summary>A float layer seen as a function of doubles: what is left for a layer without a double twin.</summary>
    private sealed class FloatLayer(Layer layer) : ReferenceLayer
    {
        public override IReadOnlyList<ReferenceParameter> Parameters { get; } = [.. layer.Parameters.Select(ReferenceParameter.From)];

        public override double[] Forward(double[] x, Shape shape)
        {
            for (int p = 0; p < Parameters.Count; p++)
            {
                for (int i = 0; i < Parameters[p].Value.Length; i++)
                {
                    layer.Parameters[p].Value[i] = (float)Parameters[p].Value[i];
                }
            }

            float[] y = new float[layer.OutputShape(shape).Length];
            layer.Forward(Array.ConvertAll(x, v => (float)v), shape, y);
            return ToDouble(y);
        }

        public override double[] Backward(double[] dy) => throw new NotSupportedException("Only its forward pass is differenced.");
    }
}
