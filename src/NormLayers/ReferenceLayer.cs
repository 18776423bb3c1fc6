namespace NormLayers;

/// <summary>A layer in double precision: plain loops that are easy to read and to verify.</summary>
/// <remarks>Derive from it to check a layer of your own with <see cref="Verification.GradientCheck"/>.</remarks>
public abstract class ReferenceLayer
{
    /// <summary>The parameters, in the order of the float layer's.</summary>
    public virtual IReadOnlyList<ReferenceParameter> Parameters => [];

    /// <summary>The forward pass.</summary>
    /// <param name="x">The input, row-major.</param>
    /// <param name="shape">Its shape.</param>
    /// <returns>The output, a new array.</returns>
    public abstract double[] Forward(double[] x, Shape shape);

    /// <summary>The backward pass of the last forward pass: <b>adds to</b> the parameters' gradients.</summary>
    /// <param name="dy">The gradient with respect to the output.</param>
    /// <returns>The gradient with respect to x, a new array.</returns>
    public abstract double[] Backward(double[] dy);
}

/// <summary>A parameter in double precision with its gradient.</summary>
/// <param name="Name">The name, as in <see cref="Parameter.Name"/>.</param>
/// <param name="Value">The values, row-major; a gradient check changes and restores them.</param>
/// <param name="Gradient">The gradient, as long as <paramref name="Value"/>; backward passes add to it.</param>
public sealed record ReferenceParameter(string Name, double[] Value, double[] Gradient)
{
    /// <summary>A copy of a float parameter's values, with a zero gradient.</summary>
    /// <param name="parameter">The parameter to copy.</param>
    public static ReferenceParameter From(Parameter parameter) =>
        new(parameter.Name, Array.ConvertAll(parameter.Value, v => (double)v), new double[parameter.Value.Length]);

    /// <summary>A copy of an optional parameter; where there is none, a constant of one value.</summary>
    /// <param name="parameter">The parameter to copy, or null.</param>
    /// <param name="length">The length of the constant.</param>
    /// <param name="fill">Its value.</param>
    internal static ReferenceParameter From(Parameter? parameter, int length, double fill)
    {
        if (parameter is not null)
        {
            return From(parameter);
        }

        double[] constant = new double[length];
        Array.Fill(constant, fill);
        return new ReferenceParameter("constant", constant, new double[length]);
    }

    /// <summary>Copies in double of the parameters that are present.</summary>
    internal static ReferenceParameter[] Present(params ReadOnlySpan<(Parameter? Parameter, ReferenceParameter Reference)> pairs)
    {
        List<ReferenceParameter> present = [];
        foreach ((Parameter? parameter, ReferenceParameter reference) in pairs)
        {
            if (parameter is not null)
            {
                present.Add(reference);
            }
        }

        return [.. present];
    }
}
