using NormLayers.Cli.Output;

namespace NormLayers.Cli.Configuration;

/// <summary>What must hold for the files that a run writes, before it starts.</summary>
internal static class OutputRules
{
    /// <param name="settings">Names the data and the log.</param>
    /// <param name="configPath">The configuration's file; null is the usual one.</param>
    /// <param name="files">Each flag that names a file to write, and the file; null where the flag is not given.</param>
    /// <param name="errors">Receives what is wrong.</param>
    public static void Check(Settings settings, string? configPath, IEnumerable<(string Flag, string? Path)> files, List<Diagnostic> errors)
    {
        List<(string? Path, string What)> taken =
        [
            (configPath ?? SettingsReader.DefaultFile, "the configuration"), (EnvironmentSettings.FileName, "the environment's file"), (settings.Get(Keys.DataPath), "the data"),
        ];
        if (settings.Get(Keys.LogFile) is { } log)
        {
            Origin place = settings.PlaceOf(Keys.LogFile);
            Check(log, place, errors);
            foreach ((_, string what) in taken.Where(t => IsSame(t.Path, log)))
            {
                errors.Add(new Diagnostic(place, $"'{log}' is {what}; write the log to another file"));
            }

            taken.Add((log, "the log"));
        }

        foreach ((string flag, string? path) in files)
        {
            if (path is null)
            {
                continue;
            }

            Check(path, Origin.Flag(flag), errors);
            foreach ((_, string what) in taken.Where(t => IsSame(t.Path, path)))
            {
                errors.Add(new Diagnostic(Origin.Flag(flag), $"'{path}' is {what}; write the {ContentOf(flag)} to another file"));
            }

            taken.Add((path, $"the file of {flag}"));
        }
    }

    // Whether both names end at one file, links followed; what cannot be followed is reported by FindProblem.
    private static bool IsSame(string? taken, string path)
    {
        try
        {
            return taken is not null && WritablePath.Resolve(taken) == WritablePath.Resolve(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return false;
        }
    }

    private static string ContentOf(string flag) => flag switch
    {
        "--report" => "report",
        "--svg" => "picture",
        _ => "results",
    };

    private static void Check(string path, Origin origin, List<Diagnostic> errors)
    {
        if (WritablePath.FindProblem(path) is { } problem)
        {
            errors.Add(new Diagnostic(origin, problem));
        }
    }
}
