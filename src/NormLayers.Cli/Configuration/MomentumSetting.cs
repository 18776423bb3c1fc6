using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace NormLayers.Cli.Configuration;

/// <summary>Batch normalization's momentum as it was given, so that results show the same number again.</summary>
/// <param name="Convention"><c>new_weight</c>, <c>old_weight</c> or <c>cumulative</c>.</param>
/// <param name="Weight">The weight; of no meaning for <c>cumulative</c>.</param>
internal sealed record MomentumSetting(string Convention, double Weight)
{
    public const string NewWeight = "new_weight";
    public const string OldWeight = "old_weight";
    public const string Cumulative = "cumulative";

    public Momentum ToMomentum() => Convention switch
    {
        NewWeight => Momentum.NewWeight(Weight),
        OldWeight => Momentum.OldWeight(Weight),
        _ => Momentum.Cumulative,
    };
}

/// <summary>A weight under its convention's name; a bare number would mean opposite things to different readers.</summary>
internal sealed class MomentumType : SettingType<MomentumSetting>
{
    private static readonly NumberType _weight = new(0, 1);

    public override string Expected => "{new_weight: w} or {old_weight: w} with w from 0 to 1, or the word cumulative";

    public override bool TryRead(ConfigNode node, [MaybeNullWhen(false)] out MomentumSetting value)
    {
        value = null;
        if (node is ScalarNode { Text: MomentumSetting.Cumulative })
        {
            value = new MomentumSetting(MomentumSetting.Cumulative, 0);
        }
        else if (node is MappingNode { Entries: [var (key, weight)] }
            && key.Text is MomentumSetting.NewWeight or MomentumSetting.OldWeight && _weight.TryRead(weight, out double number))
        {
            value = new MomentumSetting(key.Text, number);
        }

        return value is not null;
    }

    public override JsonNode ToJson(MomentumSetting value) => value.Convention == MomentumSetting.Cumulative
        ? JsonValue.Create(value.Convention)
        : new JsonObject { [value.Convention] = value.Weight };

    public override string Hint(ConfigNode node) => node is ScalarNode { Kind: ScalarKind.Integer or ScalarKind.Number } scalar
        ? $": say what it weighs; PyTorch's momentum is the new batch's, {{new_weight: {scalar.Text}}}; Keras's, Flax's and ONNX's the old value's"
        : string.Empty;
}
