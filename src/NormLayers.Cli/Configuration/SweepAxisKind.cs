using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using NormLayers.Network;

namespace NormLayers.Cli.Configuration;

/// <summary>A setting that a sweep can vary.</summary>
/// <param name="Name">Its name in documents.</param>
/// <param name="Flag">Its flag.</param>
/// <param name="Description">The flag's help.</param>
internal sealed record SweepAxisKind(string Name, string Flag, string Description)
{
    private const int Deepest = 100;

    private static readonly IntegerType _depth = new(1, Deepest);
    private static readonly NumberType _newWeight = new(0, 1);

    /// <summary>The key that it sets; null where it sets more than the value of one key.</summary>
    public Key? Key { get; private init; }

    /// <summary>Whether its values are whole numbers.</summary>
    public bool Whole => SweepKeys.IsWhole(Name);

    /// <summary>The key with its values in the configuration.</summary>
    public Key<IReadOnlyList<string>?> Grid => SweepKeys.Grids[Name];

    /// <summary>All of them; the width comes before the depth, which repeats it.</summary>
    public static IReadOnlyList<SweepAxisKind> All { get; } =
    [
        new("mode", "--mode", $"Normalizations ({string.Join(", ", NormalizationKind.All)}).") { Key = Keys.Mode },
        new("learning_rate", "--learning-rate", "Step lengths.") { Key = Keys.LearningRate },
        new("batch_size", "--batch-size", "Samples in a mini-batch.") { Key = Keys.BatchSize },
        new("hidden_dim", "--hidden-dim", "Widths of the hidden layers.") { Key = Keys.HiddenWidth },
        new("depth", "--depth", "Numbers of hidden layers, each of the width --hidden-dim."),
        new("initialization_scale", "--init-scale", "Factors on the drawn weights.") { Key = Keys.InitializationScale },
        new("epsilon", "--epsilon", "The ε under the root.") { Key = Keys.Epsilon },
        new("batchnorm_momentum", "--bn-momentum", "Weights of the new batch in the running statistics."),
    ];

    /// <summary>Sets a value.</summary>
    /// <param name="settings">Where it is set.</param>
    /// <param name="text">The value.</param>
    /// <param name="origin">Where it was given.</param>
    /// <returns>The error; null if there is none.</returns>
    public string? Apply(Settings settings, string text, Origin origin)
    {
        ScalarNode node = new(origin, text, IsPlain: true);
        if (Key is not null)
        {
            if (Key.Read(node, out object? value) is { } error)
            {
                return error;
            }

            settings.Set(Key, value, origin);
            if (Key == Keys.HiddenWidth)
            {
                settings.Set(Keys.HiddenWidths, null, origin);
            }

            return null;
        }

        string given = origin.Place == Flag ? Flag : Grid.Path;
        return Name == "depth" ? ApplyDepth(settings, node, given) : ApplyMomentum(settings, node, given);
    }

    /// <summary>A value as a number, or as text where it is none.</summary>
    public static JsonNode ToJson(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
            ? JsonValue.Create(number)
            : JsonValue.Create(text);

    /// <summary>A value as documents have it; the text itself where the setting does not take it, which <see cref="Apply"/> reports.</summary>
    public string Canonicalize(string text)
    {
        ScalarNode node = new(Origin.Flag(Flag), text, IsPlain: true);
        if (Key is not null)
        {
            return Key.Read(node, out object? value) is not null ? text
                : Key.ToJson(value) is { } json && json.GetValueKind() == JsonValueKind.String ? json.GetValue<string>()
                : Key.ToJson(value)!.ToJsonString();
        }

        return Name == "depth"
            ? _depth.TryRead(node, out long depth) ? depth.ToString(CultureInfo.InvariantCulture) : text
            : _newWeight.TryRead(node, out double weight) ? weight.ToString(CultureInfo.InvariantCulture) : text;
    }

    private static string? ApplyDepth(Settings settings, ScalarNode node, string given)
    {
        if (!_depth.TryRead(node, out long depth))
        {
            return $"'{given}' must be {_depth.Expected}, got {node.Describe()}";
        }

        if (settings.Get(Keys.HiddenWidths) is not null)
        {
            return $"'{given}' and '{Keys.HiddenWidths.Path}' exclude each other; remove one";
        }

        settings.Set(Keys.HiddenWidths, Enumerable.Repeat(settings.Get(Keys.HiddenWidth), (int)depth).ToArray(), node.Origin);
        return null;
    }

    private static string? ApplyMomentum(Settings settings, ScalarNode node, string given)
    {
        if (!_newWeight.TryRead(node, out double weight))
        {
            return $"'{given}' must be {_newWeight.Expected}, got {node.Describe()}";
        }

        settings.Set(Keys.BatchNormMomentum, new MomentumSetting(MomentumSetting.NewWeight, weight), node.Origin);
        return null;
    }
}
