using System.Text.Json.Nodes;

namespace NormLayers.Cli.Configuration;

/// <summary>A key of the configuration: its name, its default and what values it takes.</summary>
internal abstract class Key(string path)
{
    private readonly int _dot = path.IndexOf('.', StringComparison.Ordinal);

    /// <summary>The full name: <c>training.epochs</c>.</summary>
    public string Path { get; } = path;

    public string Section => Path[.._dot];

    public string Name => Path[(_dot + 1)..];

    /// <summary>The values it takes, as in <c>an integer from 1 to 100</c>.</summary>
    public abstract string Expected { get; }

    public abstract object? DefaultValue { get; }

    /// <summary>Reads a value; the result is the error, or null if there is none.</summary>
    public abstract string? Read(ConfigNode node, out object? value);

    public abstract JsonNode? ToJson(object? value);
}

/// <summary>A key whose values have the type <typeparamref name="T"/>.</summary>
internal sealed class Key<T>(string path, T defaultValue, SettingType<T> type) : Key(path)
{
    public override string Expected => type.Expected;

    public override object? DefaultValue => defaultValue;

    public override string? Read(ConfigNode node, out object? value)
    {
        if (type.TryRead(node, out T? typed))
        {
            value = typed;
            return null;
        }

        value = null;
        return $"'{Path}' must be {Expected}, got {node.Describe()}{type.Hint(node)}";
    }

    public override JsonNode? ToJson(object? value) => value is null ? null : type.ToJson((T)value);
}
