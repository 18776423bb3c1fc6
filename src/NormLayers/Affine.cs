using System.Numerics.Tensors;

namespace NormLayers;

/// <summary>γ and β of a normalization layer, y = scale·x̂ + β; each of them may be missing.</summary>
/// <remarks>
/// The scale is γ, which starts at 1, or 1 + γ, where γ starts at 0. Layers and engines get <see cref="Scale"/> and never γ itself, so 1 is added
/// in one place and once. Both forms have the same gradient with respect to γ.
/// </remarks>
internal sealed class Affine
{
    private readonly float[] _onePlusGamma;

    /// <summary>Creates the parameters, so that y = x̂.</summary>
    /// <param name="shape">The shape of γ and of β.</param>
    /// <param name="withGamma">Whether there is a γ.</param>
    /// <param name="withBeta">Whether there is a β.</param>
    /// <param name="onePlusGamma">Whether the scale is 1 + γ.</param>
    /// <exception cref="ArgumentException"><paramref name="onePlusGamma"/> without γ.</exception>
    public Affine(Shape shape, bool withGamma, bool withBeta = false, bool onePlusGamma = false)
    {
        if (onePlusGamma && !withGamma)
        {
            Throw.Argument(nameof(onePlusGamma), "a layer with γ", "a layer without γ");
        }

        OnePlusGamma = onePlusGamma;
        _onePlusGamma = onePlusGamma ? new float[shape.Length] : [];
        Gamma = withGamma ? new Parameter("gamma", shape, fill: onePlusGamma ? 0 : 1) : null;
        Beta = withBeta ? new Parameter("beta", shape) : null;
        Parameters = [.. new[] { Gamma, Beta }.OfType<Parameter>()];
    }

    private Affine(Affine other)
    {
        (Gamma, Beta, OnePlusGamma, Parameters) = (other.Gamma, other.Beta, other.OnePlusGamma, other.Parameters);
        _onePlusGamma = new float[other._onePlusGamma.Length];
    }

    /// <summary>The same γ and β for another thread.</summary>
    public Affine Share() => new(this);

    /// <summary>γ; null if there is none.</summary>
    public Parameter? Gamma { get; }

    /// <summary>β; null if there is none.</summary>
    public Parameter? Beta { get; }

    /// <summary>Whether the scale is 1 + γ and not γ.</summary>
    public bool OnePlusGamma { get; }

    /// <summary>γ and β, as far as they are there.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>What x̂ is multiplied by, for the present γ; empty for ones.</summary>
    public ReadOnlySpan<float> Scale
    {
        get
        {
            if (!OnePlusGamma)
            {
                return Gamma?.Value;
            }

            TensorPrimitives.Add(Gamma!.Value, 1, _onePlusGamma);
            return _onePlusGamma;
        }
    }

    /// <summary>What is added to that; empty for zeros.</summary>
    public ReadOnlySpan<float> Shift => Beta?.Value;

    /// <summary>Where a backward pass adds dγ; empty if there is no γ or it is frozen.</summary>
    public Span<float> DGamma => Parameter.GradientOf(Gamma);

    /// <summary>Where a backward pass adds dβ; empty if there is no β or it is frozen.</summary>
    public Span<float> DBeta => Parameter.GradientOf(Beta);

    /// <summary>A copy of γ for a <see cref="NormReference"/>, which is told of <see cref="OnePlusGamma"/> too; null if there is none.</summary>
    public double[]? WideGamma => Widen(Gamma);

    /// <summary>A copy of β for a <see cref="NormReference"/>; null if there is none.</summary>
    public double[]? WideBeta => Widen(Beta);

    private static double[]? Widen(Parameter? parameter) => parameter is null ? null : Array.ConvertAll(parameter.Value, v => (double)v);
}
