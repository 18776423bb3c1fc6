using NormLayers.Lab.Data;

namespace NormLayers.Cli.Configuration;

/// <summary>Puts the settings together: defaults, then <c>config.yaml</c>, <c>.env</c>, the environment, the flags.</summary>
internal static class SettingsReader
{
    public const string DefaultFile = "config.yaml";

    /// <summary>The settings of a run.</summary>
    /// <param name="configPath">The file named by <c>--config</c>; null reads <c>config.yaml</c> if there is one.</param>
    /// <param name="flags">The flags that stand for a key, and their text.</param>
    /// <param name="sets">The texts of <c>--set</c>.</param>
    /// <param name="errors">Receives everything that is wrong.</param>
    /// <param name="late">What a verb makes of the settings so far; wins over them. Null adds nothing.</param>
    public static Settings Read(
        string? configPath,
        IEnumerable<(string Flag, Key Key, string Text)> flags,
        IEnumerable<string> sets,
        List<Diagnostic> errors,
        Func<Settings, IEnumerable<Assignment>>? late = null)
    {
        List<Assignment> assignments = [];
        if (configPath is not null || TextFile.IsThere(DefaultFile))
        {
            assignments.AddRange(configPath is null
                ? ConfigurationFile.Read(DefaultFile, new Origin(SettingSource.File, DefaultFile), errors)
                : ConfigurationFile.Read(configPath, Origin.Flag("--config"), errors));
        }

        assignments.AddRange(EnvironmentSettings.Read(errors));
        assignments.AddRange(ReadFlags(flags, sets, errors));

        Settings settings = new();
        Assign(assignments);
        Assign(late?.Invoke(settings) ?? []);
        new SettingRules(settings, errors).Check();
        return settings;

        void Assign(IEnumerable<Assignment> values)
        {
            foreach (Assignment assignment in values)
            {
                if (!TryAssign(settings, assignment, errors))
                {
                    settings.MarkUnreadable(assignment.Key);
                }
            }
        }
    }

    private static bool TryAssign(Settings settings, Assignment assignment, List<Diagnostic> errors)
    {
        (Key key, ConfigNode node, Origin origin) = assignment;
        if (key.Read(node, out object? value) is { } error)
        {
            errors.Add(new Diagnostic(node is ScalarNode { Text.Length: 0 } ? origin : node.Origin, error));
            return false;
        }

        if (origin.Source == SettingSource.Flag && settings.OriginOf(key).Source == SettingSource.Flag)
        {
            errors.Add(new Diagnostic(origin, $"'{key.Path}' is given twice, also by {settings.OriginOf(key).Place}"));
            return false;
        }

        return TryAssignHidden(settings, key, value, origin, errors);
    }

    // The list of widths and the one width exclude each other in one place; from two places the later one wins.
    private static bool TryAssignHidden(Settings settings, Key key, object? value, Origin origin, List<Diagnostic> errors)
    {
        if (value is not null && (key == Keys.HiddenWidth || key == Keys.HiddenWidths))
        {
            Key other = key == Keys.HiddenWidth ? Keys.HiddenWidths : Keys.HiddenWidth;
            if (settings.OriginOf(other).Source == origin.Source)
            {
                errors.Add(new Diagnostic(
                    origin, $"'{key.Path}' and '{other.Path}' exclude each other; remove one (the other is at {settings.OriginOf(other).Place})"));
                return false;
            }

            settings.Set(other, other.DefaultValue, Origin.Default);
        }

        settings.Set(key, value, origin);
        return true;
    }

    private static IEnumerable<Assignment> ReadFlags(
        IEnumerable<(string Flag, Key Key, string Text)> flags, IEnumerable<string> sets, List<Diagnostic> errors)
    {
        foreach ((string flag, Key key, string text) in flags)
        {
            Origin origin = Origin.Flag(flag);
            yield return new Assignment(key, new ScalarNode(origin, text, IsPlain: true), origin);
        }

        foreach (string set in sets)
        {
            int equals = set.IndexOf('=', StringComparison.Ordinal);
            string path = equals < 0 ? set : set[..equals].Trim();
            string place = $"--set {path}";
            if (equals < 1)
            {
                errors.Add(new Diagnostic(Origin.Flag("--set"), $"expected section.key=value, got '{set}'"));
            }
            else if (Keys.Find(path) is not { } key)
            {
                errors.Add(new Diagnostic(Origin.Flag("--set"), $"unknown key '{path}'{NearestName.Hint(path, Keys.All.Select(k => k.Path))}"));
            }
            else
            {
                int before = errors.Count;
                ConfigNode? value = YamlReader.Read(set[(equals + 1)..], place, SettingSource.Flag, errors);
                if (value is not null || errors.Count == before)
                {
                    // Nothing behind the sign is YAML's null.
                    yield return new Assignment(key, value ?? new ScalarNode(Origin.Flag(place), string.Empty, IsPlain: true), Origin.Flag(place));
                }
            }
        }
    }
}
