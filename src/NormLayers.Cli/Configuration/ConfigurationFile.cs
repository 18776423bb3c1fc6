using NormLayers.Lab.Data;

namespace NormLayers.Cli.Configuration;

/// <summary>Reads <c>config.yaml</c>: sections of keys.</summary>
internal static class ConfigurationFile
{
    /// <summary>The values a file gives; unknown and duplicate keys and what is no YAML become errors.</summary>
    public static List<Assignment> Read(string path, Origin origin, List<Diagnostic> errors)
    {
        List<Assignment> assignments = [];
        if (TextFile.Read(path, origin, errors) is { } text
            && YamlReader.Read(text, path, SettingSource.File, errors) is { } root
            && ToMapping(root, $"the sections {string.Join(", ", Keys.Sections)}", errors) is { } sections)
        {
            foreach ((ScalarNode name, ConfigNode content) in WithoutDuplicates(sections, "the file", errors))
            {
                ReadSection(name, content, assignments, errors);
            }
        }

        return assignments;
    }

    private static void ReadSection(ScalarNode section, ConfigNode content, List<Assignment> assignments, List<Diagnostic> errors)
    {
        if (!Keys.Sections.Contains(section.Text))
        {
            errors.Add(new Diagnostic(section.Origin, UnknownSection(section.Text)));
            return;
        }

        string[] names = [.. Keys.All.Where(k => k.Section == section.Text).Select(k => k.Name)];
        if (ToMapping(content, $"the keys of '{section.Text}'", errors) is not { } keys)
        {
            return;
        }

        foreach ((ScalarNode name, ConfigNode value) in WithoutDuplicates(keys, $"'{section.Text}'", errors))
        {
            if (Keys.Find($"{section.Text}.{name.Text}") is { } key)
            {
                assignments.Add(new Assignment(key, value, name.Origin));
            }
            else
            {
                errors.Add(new Diagnostic(name.Origin, $"unknown key '{name.Text}' in '{section.Text}'{HintForKey(name.Text, names)}"));
            }
        }
    }

    private static string UnknownSection(string name) =>
        Keys.All.FirstOrDefault(k => k.Name == name) is { } key
            ? $"unknown section '{name}'; the key '{name}' belongs in '{key.Section}'"
            : $"unknown section '{name}'{(NearestName.Hint(name, Keys.Sections) is { Length: > 0 } hint ? hint : $"; known are {string.Join(", ", Keys.Sections)}")}";

    private static string HintForKey(string name, string[] names) =>
        NearestName.Hint(name, names) is { Length: > 0 } hint ? hint
        : Keys.All.FirstOrDefault(k => k.Name == name) is { } elsewhere ? $"; it belongs in '{elsewhere.Section}'"
        : string.Empty;

    private static MappingNode? ToMapping(ConfigNode node, string expected, List<Diagnostic> errors)
    {
        switch (node)
        {
            case MappingNode mapping:
                return mapping;
            case ScalarNode { Kind: ScalarKind.Null }:
                return null;
            default:
                errors.Add(new Diagnostic(node.Origin, $"expected {expected}, got {node.Describe()}"));
                return null;
        }
    }

    private static IEnumerable<KeyValuePair<ScalarNode, ConfigNode>> WithoutDuplicates(MappingNode mapping, string where, List<Diagnostic> errors)
    {
        Dictionary<string, ScalarNode> seen = [];
        foreach (KeyValuePair<ScalarNode, ConfigNode> entry in mapping.Entries)
        {
            if (seen.TryAdd(entry.Key.Text, entry.Key))
            {
                yield return entry;
            }
            else
            {
                int first = seen[entry.Key.Text].Origin.Excerpt?.Line ?? 0;
                errors.Add(new Diagnostic(
                    entry.Key.Origin, FormattableString.Invariant($"duplicate key '{entry.Key.Text}' in {where}; the first is on line {first}")));
            }
        }
    }
}
