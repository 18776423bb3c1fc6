using NormLayers.Numerics;

namespace NormLayers.Verification;

/// <summary>Compares the gradients of a layer or network with central differences in double, element by element.</summary>
/// <remarks>
/// <para>The scalar under test is Σ dy·y with a random dy of mean 0.4, so that no term of a backward pass is multiplied by
/// zero. With dy all ones the true dx of a normalization layer is 0, and a backward pass that returns zeros would pass.</para>
/// <para>Steps follow the function: for each element θ, quotients at steps from the spacing of numbers at θ to far beyond all values are compared
/// with each other, and the best counts with the uncertainty that it shows. At a kink (of a ReLU) the slopes of both sides are right, and all between.</para>
/// <para>Each element has a tolerance of its own: a share of its gradient, four times its rounding, and twice the quotient's uncertainty. The rounding is
/// measured: it is what the gradient moves by when dy (and, where a reference takes off what x and parameters really do, these too) moves by a
/// unit in the last place. So a small element beside large ones is compared as sharply as they are, and one that is 0 up to rounding, as the gradient of a
/// bias before batch normalization, is not accused.</para>
/// <para>A second backward pass starts from other numbers: parameter gradients must add to them, the input's must overwrite them.</para>
/// </remarks>
public static class GradientCheck
{
    /// <summary>Checks a layer written in double: yours, or one of the references.</summary>
    /// <param name="layer">The layer; the gradients of its parameters are overwritten by one backward pass.</param>
    /// <param name="shape">The shape of its input, of at least one element.</param>
    /// <param name="options">Seed, input and tolerance; null for the defaults.</param>
    /// <returns>A row for each parameter and the input.</returns>
    /// <exception cref="ArgumentException">
    /// <see cref="GradientCheckOptions.Input"/> does not have the shape's length, the input or the output has no elements, or a pass or a parameter of
    /// the layer gives null or too many or too few numbers.
    /// </exception>
    public static GradientReport Check(ReferenceLayer layer, Shape shape, GradientCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(layer);
        options ??= new GradientCheckOptions();
        double[] x = InputOf(shape, options);
        double[] y = layer.Forward(x, shape) ?? throw new ArgumentException("Expected an array from the layer's forward pass, got null.", nameof(layer));
        return new GradientComparison(layer, null, x, shape, Upstream(y.Length, options), options.Tolerance ?? 1e-6, single: false).Run(_ => true);
    }

    /// <summary>Checks the float gradients of a layer or network against differences of its reference in double.</summary>
    /// <param name="layer">
    /// The layer, in the mode it is in. Afterwards it is as after one forward and one backward pass: its gradients are overwritten, and running
    /// statistics have taken in one batch. A layer without a reference (<see cref="Layer.CreateReference"/> gives null) is differenced in
    /// float, each pass from the same <see cref="Layer.NamedState"/>, with a tolerance a hundred times wider.
    /// </param>
    /// <param name="shape">The shape of its input, of at least one element.</param>
    /// <param name="options">Seed, input and tolerance; null for the defaults.</param>
    /// <returns>A row for each parameter that is not frozen and for the input.</returns>
    /// <exception cref="ArgumentException">
    /// The layer does not take the shape, <see cref="GradientCheckOptions.Input"/> does not have its length, the input or the output has no elements, or the
    /// layer's reference has other parameters, or gives another number of outputs or gradients.
    /// </exception>
    public static GradientReport Check(Layer layer, Shape shape, GradientCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(layer);
        options ??= new GradientCheckOptions();
        Throw.IfNoParameters(layer, nameof(layer));
        ReferenceLayer? reference = layer.CreateReference();
        float[] x = Array.ConvertAll(InputOf(shape, options), v => (float)v);
        float[] dy = Array.ConvertAll(Upstream(layer.OutputShape(shape).Length, options), v => (float)v);
        CheckedLayer checkedLayer = new(layer);
        try
        {
            double tolerance = options.Tolerance ?? (reference is null ? 1e-3 : 1e-5);
            GradientComparison comparison = new(checkedLayer, reference, ToDouble(x), shape, ToDouble(dy), tolerance, single: true);
            return comparison.Run(p => !layer.Parameters[p].Frozen);
        }
        finally
        {
            checkedLayer.Restore();
            layer.ZeroGradients();
            layer.Forward(x, shape, new float[dy.Length]);
            layer.Backward(x, dy, new float[x.Length]);
        }
    }

    private static double[] InputOf(Shape shape, GradientCheckOptions options)
    {
        if (shape.Length == 0)
        {
            Throw.Argument(nameof(shape), "a shape with elements, as without any there is no gradient to compare", $"{shape}");
        }

        if (options.Input is { } given)
        {
            Throw.IfLengthDiffers(given.Count, shape, nameof(options.Input));
            return [.. given];
        }

        return Normal(shape.Length, 0.5, new RandomSource(options.Seed));
    }

    private static double[] Upstream(int length, GradientCheckOptions options)
    {
        if (length == 0)
        {
            Throw.Argument("layer", "numbers from the layer's forward pass", "none");
        }

        return Normal(length, 0.4, new RandomSource(~options.Seed));
    }

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
}
