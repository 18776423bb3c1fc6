using NormLayers.Numerics;

namespace NormLayers;

/// <summary>A learnable tensor of a layer with its gradient.</summary>
/// <remarks>Both arrays belong to the parameter for good: optimizers and callers read and write them in place.</remarks>
public sealed class Parameter
{
    /// <summary>Creates a parameter, filled with one value, with a zero gradient.</summary>
    /// <param name="name">The name within its layer: <c>weight</c>, <c>bias</c>, <c>gamma</c>, <c>beta</c>.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="fill">The initial value of every element.</param>
    public Parameter(string name, Shape shape, float fill = 0)
    {
        ArgumentNullException.ThrowIfNull(name);
        Name = name;
        Shape = shape;
        Value = new float[shape.Length];
        Gradient = new float[shape.Length];
        Array.Fill(Value, fill);
    }

    /// <summary>The name within its layer.</summary>
    public string Name { get; }

    /// <summary>The shape of <see cref="Value"/> and <see cref="Gradient"/>.</summary>
    public Shape Shape { get; }

    /// <summary>The values, row-major.</summary>
    public float[] Value { get; }

    /// <summary>The gradient of the loss with respect to <see cref="Value"/>; backward passes add to it.</summary>
    public float[] Gradient { get; }

    /// <summary>Whether backward passes leave the gradient, and optimizers the value, alone.</summary>
    public bool Frozen { get; set; }

    /// <summary>Sets the gradient to zero.</summary>
    public void ZeroGradient() => ZeroKernel.Clear(Gradient);

    /// <summary>Where a backward pass adds a parameter's gradient: nowhere (empty) if there is none or it is frozen.</summary>
    internal static Span<float> GradientOf(Parameter? parameter) => parameter is { Frozen: false } ? parameter.Gradient : default;
}
