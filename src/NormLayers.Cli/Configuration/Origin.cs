namespace NormLayers.Cli.Configuration;

/// <summary>Where settings come from; a later one wins over an earlier one.</summary>
internal enum SettingSource
{
    Default,
    File,
    EnvironmentFile,
    Environment,
    Flag,
}

/// <summary>Where a value came from.</summary>
/// <param name="Source">Which kind of place.</param>
/// <param name="Place">The place as a user reads it: <c>config.yaml:7:3</c>, <c>--epochs</c>.</param>
/// <param name="Excerpt">The text around it; null where there is none to show.</param>
internal sealed record Origin(SettingSource Source, string Place, SourceExcerpt? Excerpt = null)
{
    public static Origin Default { get; } = new(SettingSource.Default, "default");

    public static Origin Flag(string name) => new(SettingSource.Flag, name);
}

/// <summary>A piece of one line of a text file.</summary>
/// <param name="Line">The line, counted from 1.</param>
/// <param name="Column">The first character meant, counted from 1.</param>
/// <param name="Length">How many characters are meant.</param>
/// <param name="Text">The whole line.</param>
internal sealed record SourceExcerpt(int Line, int Column, int Length, string Text);
