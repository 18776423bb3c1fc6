using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json.Nodes;
using NormLayers.Lab.Data;

namespace NormLayers.Cli.Configuration;

/// <summary>What values a key takes.</summary>
internal abstract class SettingType<T>
{
    /// <summary>The values as in <c>an integer from 1 to 100</c>.</summary>
    public abstract string Expected { get; }

    public abstract bool TryRead(ConfigNode node, [MaybeNullWhen(false)] out T value);

    public abstract JsonNode? ToJson(T value);

    /// <summary>What to add to the error about a wrong value; may be empty.</summary>
    public virtual string Hint(ConfigNode node) => string.Empty;

    /// <summary>The hint for a number in quotes, which is text.</summary>
    protected static string QuotesHint(ConfigNode node) =>
        node is ScalarNode { IsPlain: false } scalar && CoreSchema.KindOf(scalar.Text) is ScalarKind.Integer or ScalarKind.Number or ScalarKind.Boolean
            ? " in quotes; remove the quotes"
            : string.Empty;
}

internal sealed class IntegerType(long least, long most) : SettingType<long>
{
    public override string Expected => string.Create(CultureInfo.InvariantCulture, $"an integer from {least} to {most}");

    public override bool TryRead(ConfigNode node, out long value)
    {
        value = 0;
        return node is ScalarNode { Kind: ScalarKind.Integer } scalar
            && CoreSchema.TryToInteger(scalar.Text, out value) && value >= least && value <= most;
    }

    public override JsonNode ToJson(long value) => JsonValue.Create(value);

    public override string Hint(ConfigNode node) => QuotesHint(node);
}

/// <summary>Finite numbers from one end to the other; an end can be left out.</summary>
internal sealed class NumberType(double least, double most, bool withoutLeast = false, bool withoutMost = false) : SettingType<double>
{
    public override string Expected =>
        $"a number {(withoutLeast ? "above" : "from")} {Short(least)}{(withoutLeast ? ", at most " : withoutMost ? " to below " : " to ")}{Short(most)}";

    public override bool TryRead(ConfigNode node, out double value)
    {
        value = 0;
        if (node is not ScalarNode { Kind: ScalarKind.Integer or ScalarKind.Number } scalar)
        {
            return false;
        }

        value = CoreSchema.ToNumber(scalar.Text);
        return value >= least && value <= most && !(withoutLeast && value == least) && !(withoutMost && value == most);
    }

    public override JsonNode ToJson(double value) => JsonValue.Create(value);

    public override string Hint(ConfigNode node) => QuotesHint(node);

    private static string Short(double value) => value.ToString(value < 1000 ? "0.###" : "0.###e0", CultureInfo.InvariantCulture);
}

internal sealed class BooleanType : SettingType<bool>
{
    public override string Expected => "true or false";

    public override bool TryRead(ConfigNode node, out bool value)
    {
        bool read = node is ScalarNode { Kind: ScalarKind.Boolean };
        value = read && CoreSchema.ToBoolean(((ScalarNode)node).Text);
        return read;
    }

    public override JsonNode ToJson(bool value) => JsonValue.Create(value);

    public override string Hint(ConfigNode node) => QuotesHint(node);
}

/// <summary>Text that is not empty; a plain number counts as its digits.</summary>
internal sealed class TextType(string expected) : SettingType<string>
{
    public override string Expected => expected;

    public override bool TryRead(ConfigNode node, [MaybeNullWhen(false)] out string value)
    {
        value = (node as ScalarNode)?.Text;
        return node is ScalarNode { Kind: not ScalarKind.Null, Text.Length: > 0 } && !value!.Contains('\0', StringComparison.Ordinal);
    }

    public override JsonNode ToJson(string value) => JsonValue.Create(value);
}

/// <summary>The path of a file to write. Words that say "nothing" in other places are errors, and no names: <c>None</c>, <c>off</c>.</summary>
internal sealed class OutputPathType(string expected) : SettingType<string>
{
    private static readonly string[] _words = ["none", "nil", "undefined", "nothing", "off", "no", "n", "false", "on", "yes", "y", "true"];

    private readonly TextType _type = new(expected);

    public override string Expected => expected;

    public override bool TryRead(ConfigNode node, [MaybeNullWhen(false)] out string value) => _type.TryRead(node, out value) && !IsWord(node);

    public override JsonNode? ToJson(string value) => _type.ToJson(value);

    public override string Hint(ConfigNode node) =>
        IsWord(node) ? $"; write null for none, or './{((ScalarNode)node).Text}' for a file of that name" : string.Empty;

    private static bool IsWord(ConfigNode node) =>
        node is ScalarNode { IsPlain: true } scalar && _words.Contains(scalar.Text, StringComparer.OrdinalIgnoreCase);
}

internal sealed class CharacterType(string expected, string forbidden) : SettingType<char>
{
    public override string Expected => expected;

    public override bool TryRead(ConfigNode node, out char value)
    {
        bool read = node is ScalarNode { Text.Length: 1 } scalar && !forbidden.Contains(scalar.Text[0], StringComparison.Ordinal);
        value = read ? ((ScalarNode)node).Text[0] : default;
        return read;
    }

    public override JsonNode ToJson(char value) => JsonValue.Create(value.ToString());
}

/// <summary>One of a few words, in any case.</summary>
internal sealed class ChoiceType<T>(params (string Name, T Value)[] choices) : SettingType<T>
    where T : notnull
{
    public IEnumerable<string> Names => choices.Select(c => c.Name);

    public override string Expected => "one of " + string.Join(", ", Names);

    public override bool TryRead(ConfigNode node, [MaybeNullWhen(false)] out T value)
    {
        foreach ((string name, T choice) in choices)
        {
            if (node is ScalarNode scalar && scalar.Text.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                value = choice;
                return true;
            }
        }

        value = default;
        return false;
    }

    public override JsonNode ToJson(T value) => JsonValue.Create(NameOf(value));

    public override string Hint(ConfigNode node) => node is ScalarNode scalar ? NearestName.Hint(scalar.Text, Names) : string.Empty;

    public string NameOf(T value) => choices.First(c => EqualityComparer<T>.Default.Equals(c.Value, value)).Name;
}

/// <summary>A value, or <c>null</c> for none.</summary>
internal sealed class OptionalType<T>(SettingType<T> type) : SettingType<T?>
    where T : class
{
    public override string Expected => type.Expected + ", or null";

    public override bool TryRead(ConfigNode node, out T? value)
    {
        value = null;
        return node is ScalarNode { Kind: ScalarKind.Null } || type.TryRead(node, out value);
    }

    public override JsonNode? ToJson(T? value) => value is null ? null : type.ToJson(value);

    public override string Hint(ConfigNode node) => type.Hint(node);
}

/// <summary>A number or a yes-or-no, or <c>null</c> for "it depends".</summary>
internal sealed class OptionalValueType<T>(SettingType<T> type) : SettingType<T?>
    where T : struct
{
    public override string Expected => type.Expected + ", or null";

    public override bool TryRead(ConfigNode node, out T? value)
    {
        bool read = type.TryRead(node, out T given);
        value = read ? given : null;
        return read || node is ScalarNode { Kind: ScalarKind.Null };
    }

    public override JsonNode? ToJson(T? value) => value is { } given ? type.ToJson(given) : null;

    public override string Hint(ConfigNode node) => type.Hint(node);
}

/// <summary>A list of integers, at least one.</summary>
internal sealed class IntegerListType(IntegerType item, int longest) : SettingType<IReadOnlyList<long>>
{
    public override string Expected => string.Create(
        CultureInfo.InvariantCulture, $"a list of 1 to {longest} integers as in [64, 32], each {item.Expected}");

    public override bool TryRead(ConfigNode node, [MaybeNullWhen(false)] out IReadOnlyList<long> value)
    {
        List<long> items = [];
        value = items;
        return node is SequenceNode { Items.Count: > 0 } list && list.Items.Count <= longest && list.Items.All(ReadItem);

        bool ReadItem(ConfigNode node)
        {
            bool read = item.TryRead(node, out long number);
            items.Add(number);
            return read;
        }
    }

    public override JsonNode ToJson(IReadOnlyList<long> value) => new JsonArray([.. value.Select(v => JsonValue.Create(v))]);
}
