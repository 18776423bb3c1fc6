using System.Globalization;

namespace NormLayers;

/// <summary>The text of <see cref="Layer.Conventions"/>, in one place, so that all layers name the same things alike.</summary>
internal static class LayerConventions
{
    /// <summary>The key of the kind of layer.</summary>
    public const string Kind = "layer";

    private const string MomentumKey = "momentum";

    private static readonly HashSet<string> s_kinds =
    [
        "adaptive layer normalization", "batch normalization", "batch renormalization", "dynamic layer normalization", "dynamic tanh", "ghost batch normalization",
        "group normalization", "instance normalization", "layer normalization", "local response normalization", "RMS normalization", "ScaleNorm", "weight normalization",
        "weight standardization",
    ];

    public static IReadOnlyDictionary<string, string> None { get; } = new Dictionary<string, string>();

    /// <summary>What the numbers of a normalization mean.</summary>
    /// <param name="layer">The kind of layer, by which a file for another one with the same tensors is known.</param>
    /// <param name="epsilon">ε; null for a layer that has none.</param>
    /// <param name="hasGamma">Whether there is a γ, or a g.</param>
    /// <param name="onePlusGamma">Whether the scale is 1 + γ.</param>
    /// <param name="momentum">How running statistics follow the batches; null without any.</param>
    /// <param name="biasedVariance">Whether a running variance is of the biased kind; null where none is tracked.</param>
    /// <param name="epsilonOutsideRoot">Whether ε is added to the root; null for a layer that has no choice.</param>
    /// <param name="relu">Whether the output is rectified; null for a layer that has no choice.</param>
    /// <param name="more">What else the layer's function depends on and its parameters do not show.</param>
    public static IReadOnlyDictionary<string, string> Of(
        string layer,
        double? epsilon,
        bool hasGamma = false,
        bool onePlusGamma = false,
        Momentum? momentum = null,
        bool? biasedVariance = null,
        bool? epsilonOutsideRoot = null,
        bool? relu = null,
        params ReadOnlySpan<(string Name, double Value)> more)
    {
        Dictionary<string, string> conventions = Numbers(epsilon is { } value ? [("epsilon", value), .. more] : more);
        conventions[Kind] = layer;
        if (hasGamma)
        {
            conventions["scale"] = onePlusGamma ? "1 + gamma" : "gamma";
        }

        if (momentum is { } running)
        {
            conventions[MomentumKey] = running.Rounded is { } weight ? Text(weight) : "cumulative";
            if (biasedVariance is { } biased)
            {
                conventions["running_variance"] = biased ? "biased" : "unbiased";
            }
        }

        if (epsilonOutsideRoot is { } outside)
        {
            conventions["epsilon_place"] = outside ? "outside the root" : "under the root";
        }

        if (relu is { } rectified)
        {
            conventions["relu"] = rectified ? "yes" : "no";
        }

        return conventions;
    }

    /// <summary>Whether metadata name the kind of a layer of this library: by <c>layer</c>, in a network by <c>norm1.layer</c>.</summary>
    public static bool IsKind(string key, string text) => (key == Kind || key.EndsWith("." + Kind, StringComparison.Ordinal)) && s_kinds.Contains(text);

    /// <summary>Numbers that the layer's function depends on and its parameters do not show.</summary>
    public static Dictionary<string, string> Numbers(params ReadOnlySpan<(string Name, double Value)> numbers)
    {
        Dictionary<string, string> conventions = [];
        foreach ((string name, double value) in numbers)
        {
            conventions[name] = Text(value);
        }

        return conventions;
    }

    /// <summary>Whether two texts of a convention say the same: 1e-5 and 0.00001 do, and as momentum 0.1 and 1 − 0.9.</summary>
    public static bool Agree(string name, string one, string other)
    {
        if (one == other || Number(one) is not { } a || Number(other) is not { } b)
        {
            return one == other;
        }

        return name.EndsWith(MomentumKey, StringComparison.Ordinal) ? Math.Round(a, Momentum.Decimals) == Math.Round(b, Momentum.Decimals) : a == b;
    }

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static double? Number(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : null;
}
