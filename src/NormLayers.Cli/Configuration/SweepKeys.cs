using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace NormLayers.Cli.Configuration;

/// <summary>The keys of the section <c>sweep</c>: the grid of <c>normlayers sweep</c>. Other verbs pass over them.</summary>
internal static class SweepKeys
{
    /// <summary>The grid of each axis, by the axis's name; null where it is not swept.</summary>
    public static IReadOnlyDictionary<string, Key<IReadOnlyList<string>?>> Grids { get; } = ((string[])
    [
        "mode", "learning_rate", "batch_size", "hidden_dim", "depth", "initialization_scale", "epsilon", "batchnorm_momentum",
    ]).ToDictionary(name => name, name => new Key<IReadOnlyList<string>?>(
        "sweep." + name, null, new OptionalType<IReadOnlyList<string>>(new GridType(IsWhole(name)))));

    /// <summary>How many seeds there are where neither flag nor configuration says it.</summary>
    public const int DefaultSeeds = 5;

    public static Key<long> Seeds { get; } = new("sweep.seeds", DefaultSeeds, new IntegerType(1, 10_000));

    public static IReadOnlyList<Key> All { get; } = [.. Grids.Values, Seeds];

    /// <summary>Whether an axis has whole numbers.</summary>
    public static bool IsWhole(string name) => name is "batch_size" or "hidden_dim" or "depth";
}

/// <summary>The values of one axis: a list, or an expression as the flags of <c>sweep</c> take it.</summary>
/// <param name="whole">Whether they are whole numbers.</param>
internal sealed class GridType(bool whole) : SettingType<IReadOnlyList<string>>
{
    public override string Expected => "a list as in [0.01, 0.1], or a range as in 0.001:10:log9 or 1:5:lin5";

    public override bool TryRead(ConfigNode node, [MaybeNullWhen(false)] out IReadOnlyList<string> value) => Parse(node, out value) is null;

    public override JsonNode ToJson(IReadOnlyList<string> value) => new JsonArray([.. value.Select(SweepAxisKind.ToJson)]);

    public override string Hint(ConfigNode node) => Parse(node, out _) is { Length: > 0 } error ? ": " + error : string.Empty;

    // The error; empty where there is nothing to say about it.
    private string? Parse(ConfigNode node, out IReadOnlyList<string> values)
    {
        values = [];
        return node switch
        {
            ScalarNode { Text.Length: > 0 } scalar => GridExpression.Parse(scalar.Text, whole, out values),
            SequenceNode { Items.Count: > 0 } list when list.Items.All(i => i is ScalarNode) =>
                GridExpression.Parse(string.Join(',', list.Items.Cast<ScalarNode>().Select(i => i.Text)), whole, out values),
            _ => string.Empty,
        };
    }
}
