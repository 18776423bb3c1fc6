namespace NormLayers;

/// <summary>The conventions of a library: what its normalization layers take and mean, all at once.</summary>
/// <remarks>
/// <para>A layer from here is the library's of the same arguments: ε, the meaning of momentum, the kind of running variance, and the defaults of all of them. Numbers
/// are given as in that library. Tensors are (N, C, …) here, while Keras and Flax have the channels last. Non-finite batches follow
/// <see cref="NonFiniteStatistics.Skip"/>, which none of the libraries has; <see cref="Convert"/> keeps a layer's own policy.</para>
/// <para><see cref="Convert"/> carries a layer to a library's conventions, and says what cannot be expressed there.</para>
/// </remarks>
public sealed class FrameworkConventions
{
    private readonly LibraryTerms _terms;

    private FrameworkConventions(LibraryTerms terms) => _terms = terms;

    /// <summary>PyTorch's: momentum weighs the new batch, the running variance is unbiased.</summary>
    public static FrameworkConventions PyTorch { get; } = new(LibraryTerms.PyTorch);

    /// <summary>Keras 3's: momentum weighs the old value, the running variance is biased.</summary>
    public static FrameworkConventions Keras { get; } = new(LibraryTerms.Keras);

    /// <summary>Flax's, linen and NNX: momentum weighs the old value, the running variance is biased.</summary>
    public static FrameworkConventions Flax { get; } = new(LibraryTerms.Flax);

    /// <summary>ONNX's: momentum weighs the old value, the running variance is biased, γ is a required input, and β in most layers too.</summary>
    public static FrameworkConventions Onnx { get; } = new(LibraryTerms.Onnx);

    /// <summary>The library's name.</summary>
    public string Name => _terms.Name;

    /// <summary>Whether the library's running variance follows the biased variances of batches.</summary>
    internal bool RunningVarianceIsBiased => _terms.RunningVarianceIsBiased;

    /// <summary>What the library's number for momentum means.</summary>
    /// <param name="momentum">The number, 0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not between 0 and 1.</exception>
    public Momentum Momentum(double momentum) => _terms.MomentumWeighsNew ? NormLayers.Momentum.NewWeight(momentum) : NormLayers.Momentum.OldWeight(momentum);

    /// <summary>The library's batch normalization.</summary>
    /// <param name="channels">C, ≥ 1.</param>
    /// <param name="epsilon">ε, ≥ 0; null for the library's default.</param>
    /// <param name="momentum">Momentum as the library means it, 0 to 1; null for its default.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="withBeta">Whether there is a learnable shift β.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    public BatchNorm BatchNorm(
        int channels, double? epsilon = null, double? momentum = null, bool withGamma = true, bool withBeta = true, string name = "batchnorm") =>
        new(channels, epsilon ?? _terms.BatchNorm.Epsilon, Momentum(momentum ?? _terms.Momentum), withGamma, withBeta, name: name)
        {
            BiasedRunningVariance = RunningVarianceIsBiased,
        };

    /// <summary>The library's layer normalization.</summary>
    /// <param name="normalizedShape">The trailing dimensions that are normalized together; a number for the last one alone.</param>
    /// <param name="epsilon">ε, ≥ 0; null for the library's default.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="withBeta">Whether there is a learnable shift β.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentException">No dimension, or one of 0.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epsilon"/> out of range.</exception>
    public LayerNorm LayerNorm(Shape normalizedShape, double? epsilon = null, bool withGamma = true, bool withBeta = true, string name = "layernorm") =>
        new(normalizedShape, epsilon ?? _terms.LayerNorm.Epsilon, withGamma, withBeta, name: name);

    /// <summary>The library's RMS normalization.</summary>
    /// <param name="features">C, ≥ 1.</param>
    /// <param name="epsilon">ε, ≥ 0; null for the library's default.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    public RmsNorm RmsNorm(int features, double? epsilon = null, bool withGamma = true, string name = "rmsnorm") =>
        new(features, epsilon ?? _terms.RmsNorm.Epsilon, withGamma, name: name);

    /// <summary>The library's group normalization.</summary>
    /// <param name="groups">G, ≥ 1.</param>
    /// <param name="channels">C, a multiple of <paramref name="groups"/>.</param>
    /// <param name="epsilon">ε, ≥ 0; null for the library's default.</param>
    /// <param name="withGamma">Whether there is a learnable scale γ.</param>
    /// <param name="withBeta">Whether there is a learnable shift β.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentException"><paramref name="channels"/> is no multiple of <paramref name="groups"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    public GroupNorm GroupNorm(int groups, int channels, double? epsilon = null, bool withGamma = true, bool withBeta = true, string name = "groupnorm") =>
        new(groups, channels, epsilon ?? _terms.GroupNorm.Epsilon, withGamma, withBeta, name: name);

    /// <summary>The library's instance normalization, without running statistics.</summary>
    /// <param name="channels">C, ≥ 1.</param>
    /// <param name="epsilon">ε, ≥ 0; null for the library's default.</param>
    /// <param name="affine">Whether there are γ and β; null for the library's default, which is false in PyTorch alone.</param>
    /// <param name="name">The layer's name.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number out of range.</exception>
    public InstanceNorm InstanceNorm(int channels, double? epsilon = null, bool? affine = null, string name = "instancenorm")
    {
        bool has = affine ?? _terms.InstancesHaveAffine;
        return new(channels, epsilon ?? _terms.InstanceNorm.Epsilon, withGamma: has, withBeta: has, name: name);
    }

    /// <summary>Carries a layer of any conventions to this library's: the same function, in its terms and with its tensors, and a list of what it has no way to say.</summary>
    /// <param name="layer">A batch, layer, RMS, group or instance normalization; it stays as it is.</param>
    /// <exception cref="ArgumentException">Another layer.</exception>
    public Conversion Convert(Layer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return new Converter(this, _terms).Convert(layer);
    }

    /// <inheritdoc cref="Name"/>
    public override string ToString() => Name;
}
