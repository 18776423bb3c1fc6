using System.CommandLine;

namespace NormLayers.Cli.Commands;

/// <summary>The flags that every verb takes.</summary>
internal static class GlobalOptions
{
    public static Option<bool> Verbose { get; } = new("--verbose", "-v")
    {
        Description = "Show the settings with their origin, and details of unexpected errors.",
        Recursive = true,
    };

    public static Option<bool> NoColor { get; } = new("--no-color") { Description = "Use no colours; as NO_COLOR does.", Recursive = true };

    public static bool UsesColor(ParseResult parsed) =>
        !parsed.GetValue(NoColor) && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
}
