using NormLayers.Numerics;

namespace NormLayers;

/// <summary>A learnable tensor of a layer with its gradient.</summary>
/// <remarks>Both arrays belong to the parameter for good: optimizers and callers read and write them in place.</remarks>
public sealed class Parameter
{
    private float[]? _gradient;

    /// <summary>Creates a parameter, filled with one value, with a zero gradient.</summary>
    /// <param name="name">The name within its layer: <c>weight</c>, <c>bias</c>, <c>gamma</c>, <c>beta</c>.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="fill">The initial value of every element.</param>
    public Parameter(string name, Shape shape, float fill = 0)
        : this(name, shape, new float[shape.Length])
    {
        Array.Fill(Value, fill);
    }

    /// <summary>Creates a parameter on values that are there already: kept, not copied.</summary>
    /// <param name="name">The name within its layer.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="value">The values, row-major.</param>
    /// <exception cref="ArgumentException">Not as many values as the shape has.</exception>
    public Parameter(string name, Shape shape, float[] value)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(value);
        Throw.IfLengthDiffers(value.Length, shape, nameof(value));
        Name = name;
        Shape = shape;
        Value = value;
    }

    /// <summary>The name within its layer.</summary>
    public string Name { get; }

    /// <summary>The shape of <see cref="Value"/> and <see cref="Gradient"/>.</summary>
    public Shape Shape { get; }

    /// <summary>The values, row-major.</summary>
    public float[] Value { get; }

    /// <summary>The gradient of the loss with respect to <see cref="Value"/>; backward passes add to it. Its memory is there from the first use on.</summary>
    public float[] Gradient => _gradient ??= new float[Shape.Length];

    /// <summary>Whether backward passes leave the gradient, and optimizers the value, alone.</summary>
    public bool Frozen { get; set; }

    /// <summary>Sets the gradient to zero.</summary>
    public void ZeroGradient() => ZeroKernel.Clear(_gradient);

    /// <summary>Where a backward pass adds a parameter's gradient: nowhere (empty) if there is none or it is frozen.</summary>
    internal static Span<float> GradientOf(Parameter? parameter) => parameter is { Frozen: false } ? parameter.Gradient : default;
}
