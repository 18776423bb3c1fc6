namespace NormLayers.Cli.Configuration;

/// <summary>A value of the configuration before it is given a meaning, with its position.</summary>
internal abstract record ConfigNode(Origin Origin)
{
    /// <summary>What it is, as an error says it.</summary>
    public abstract string Describe();
}

/// <summary>A single value.</summary>
/// <param name="Origin">Its position.</param>
/// <param name="Text">The value without quotes.</param>
/// <param name="IsPlain">Whether it stood there without quotes, and so may be more than text.</param>
internal sealed record ScalarNode(Origin Origin, string Text, bool IsPlain) : ConfigNode(Origin)
{
    private const int LongestQuote = 60;

    public ScalarKind Kind => IsPlain ? CoreSchema.KindOf(Text) : ScalarKind.Text;

    public override string Describe()
    {
        string text = Text.Length <= LongestQuote ? Text : Text[..LongestQuote] + "…";
        return Kind switch
        {
            ScalarKind.Null => "nothing",
            ScalarKind.Text => $"'{text}'",
            _ => text,
        };
    }
}

/// <summary>A list.</summary>
internal sealed record SequenceNode(Origin Origin, IReadOnlyList<ConfigNode> Items) : ConfigNode(Origin)
{
    private const int LongestQuote = 12;

    public override string Describe() => Items.Count == 0 ? "an empty list"
        : Items.Count <= LongestQuote ? $"[{string.Join(", ", Items.Select(i => i.Describe()))}]"
        : "a long list";
}

/// <summary>Keys and their values, in order; duplicate keys are still there.</summary>
internal sealed record MappingNode(Origin Origin, IReadOnlyList<KeyValuePair<ScalarNode, ConfigNode>> Entries) : ConfigNode(Origin)
{
    public override string Describe() => "a mapping of keys";
}
