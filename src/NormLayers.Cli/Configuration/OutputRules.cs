using NormLayers.Cli.Output;

namespace NormLayers.Cli.Configuration;

/// <summary>What must hold for the files that a run writes, before it starts.</summary>
internal static class OutputRules
{
    public static void Check(Settings settings, string? configPath, string? outputPath, List<Diagnostic> errors)
    {
        if (outputPath is not null)
        {
            Check(outputPath, Origin.Flag("--output"), errors);
            foreach ((string? path, string what) in (ReadOnlySpan<(string?, string)>)[
                (configPath ?? SettingsReader.DefaultFile, "the configuration"), (settings.Get(Keys.DataPath), "the data"), (settings.Get(Keys.LogFile), "the log")])
            {
                if (path is not null && Path.GetFullPath(path) == Path.GetFullPath(outputPath))
                {
                    errors.Add(new Diagnostic(Origin.Flag("--output"), $"'{outputPath}' is {what}; write the results to another file"));
                }
            }
        }

        if (settings.Get(Keys.LogFile) is { } log)
        {
            Check(log, settings.PlaceOf(Keys.LogFile), errors);
        }
    }

    private static void Check(string path, Origin origin, List<Diagnostic> errors)
    {
        if (WritablePath.FindProblem(path) is { } problem)
        {
            errors.Add(new Diagnostic(origin, problem));
        }
    }
}
