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

    /// <summary>Creates the parameters, so that y = x̂ unless the scale starts at another number.</summary>
    /// <param name="shape">The shape of γ and of β.</param>
    /// <param name="withGamma">Whether there is a γ.</param>
    /// <param name="withBeta">Whether there is a β.</param>
    /// <param name="onePlusGamma">Whether the scale is 1 + γ.</param>
    /// <param name="name">What γ is called.</param>
    /// <param name="scale">The scale at the start.</param>
    /// <exception cref="ArgumentException"><paramref name="onePlusGamma"/> without γ.</exception>
    public Affine(Shape shape, bool withGamma, bool withBeta = false, bool onePlusGamma = false, string name = "gamma", double scale = 1)
    {
        if (onePlusGamma && !withGamma)
        {
            Throw.Argument(nameof(onePlusGamma), "a layer with γ", "a layer without γ");
        }

        OnePlusGamma = onePlusGamma;
        _onePlusGamma = onePlusGamma ? new float[shape.Length] : [];
        Gamma = withGamma ? new Parameter(name, shape, fill: ToStored(scale)) : null;
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
    public ReadOnlySpan<float> Scale => OnePlusGamma ? AddOne() : Gamma?.Value;

    private ReadOnlySpan<float> AddOne()
    {
        TensorPrimitives.Add(Gamma!.Value, 1, _onePlusGamma);
        return _onePlusGamma;
    }

    /// <summary>What γ has to be for a scale.</summary>
    public float ToStored(double scale) => (float)(OnePlusGamma ? scale - 1 : scale);

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

    /// <summary>γ and β for a reference other than that.</summary>
    public WideAffine ToReference(int length) => new(this, length);

    private static double[]? Widen(Parameter? parameter) => parameter is null ? null : Array.ConvertAll(parameter.Value, v => (double)v);
}

/// <summary>Copies in double of a layer's γ and β, (C); constants where it has none.</summary>
internal sealed class WideAffine(Affine affine, int length)
{
    public ReferenceParameter Gamma { get; } = ReferenceParameter.From(affine.Gamma, length, fill: 1);

    public ReferenceParameter Beta { get; } = ReferenceParameter.From(affine.Beta, length, fill: 0);

    /// <summary>What x̂ is multiplied by, for the present γ.</summary>
    public double[] Scale => affine.OnePlusGamma ? Array.ConvertAll(Gamma.Value, v => 1 + v) : Gamma.Value;

    /// <summary>γ and β, as far as the layer has them, and more parameters.</summary>
    public ReferenceParameter[] With(params ReadOnlySpan<ReferenceParameter> more) => [.. ReferenceParameter.Present((affine.Gamma, Gamma), (affine.Beta, Beta)), .. more];
}
