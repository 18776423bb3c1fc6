using NormLayers.Cli.Output;

namespace NormLayers.Cli.Configuration;

/// <summary>What must hold for the files that a run writes, before it starts: each can be written, and none is another or what the run reads.</summary>
/// <param name="errors">Receives what is wrong.</param>
internal sealed class OutputRules(List<Diagnostic> errors)
{
    private readonly List<(FileIdentity File, string What, bool IsWrittenFile)> _taken = [];
    private FileIdentity? _imageFolder;

    /// <summary>Checks the files of a training verb.</summary>
    /// <param name="settings">Names the data and the log.</param>
    /// <param name="configPath">The configuration's file; null is the usual one.</param>
    /// <param name="files">Each flag that names a file to write, and the file; null where the flag is not given.</param>
    /// <param name="folders">Each flag that names a folder for files, and the folder; null where the flag is not given.</param>
    /// <param name="errors">Receives what is wrong.</param>
    /// <param name="checkpoint">The checkpoint to go on from, which only the first of the files may replace; null for none.</param>
    public static void Check(
        Settings settings,
        string? configPath,
        IEnumerable<(string Flag, string? Path)> files,
        IEnumerable<(string Flag, string? Path)> folders,
        List<Diagnostic> errors,
        string? checkpoint = null)
    {
        OutputRules rules = new(errors);
        rules.ProtectInput(settings, configPath);
        foreach ((string flag, string? folder) in folders)
        {
            rules.CheckFolder(flag, folder);
        }

        rules.Check(files.Take(1));
        rules.Protect(checkpoint, "the checkpoint to go on from");
        if (settings.Get(Keys.LogFile) is { } log)
        {
            rules.Check(log, settings.PlaceOf(Keys.LogFile), "log", "the log");
        }

        rules.Check(files.Skip(1));
    }

    /// <summary>Checks the files of a verb that uses a model and keeps no log.</summary>
    /// <param name="settings">Names the data; null for a verb that reads none.</param>
    /// <param name="configPath">The configuration's file; null is the usual one.</param>
    /// <param name="model">The model's file.</param>
    /// <param name="files">Each flag that names a file to write, and the file; null where the flag is not given.</param>
    /// <param name="errors">Receives what is wrong.</param>
    public static void CheckUse(Settings? settings, string? configPath, string model, IEnumerable<(string Flag, string? Path)> files, List<Diagnostic> errors)
    {
        OutputRules rules = new(errors);
        if (settings is not null)
        {
            rules.ProtectInput(settings, configPath);
        }

        rules.Protect(model, "the model");
        rules.Check(files);
    }

    private void ProtectInput(Settings settings, string? configPath)
    {
        Protect(configPath ?? SettingsReader.DefaultFile, "the configuration");
        Protect(EnvironmentSettings.FileName, "the environment's file");
        Protect(settings.Get(Keys.DataPath), "the data");
        if (settings.Get(Keys.Source) == DataSource.Idx)
        {
            ProtectImages(settings.Get(Keys.DataPath));
        }
    }

    /// <summary>Checks the files that flags name.</summary>
    public void Check(IEnumerable<(string Flag, string? Path)> files)
    {
        foreach ((string flag, string? path) in files)
        {
            if (path is not null)
            {
                Check(path, Origin.Flag(flag), ContentOf(flag), $"the file of {flag}");
            }
        }
    }

    /// <summary>Keeps the files of a folder of images from being written to.</summary>
    public void ProtectImages(string? folder)
    {
        if (folder is null || !Directory.Exists(folder))
        {
            return;
        }

        _imageFolder = FileIdentity.Find(folder);
        try
        {
            foreach (string file in Directory.EnumerateFiles(folder).Where(IsNameOfImages))
            {
                Protect(file, "the data");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // That the folder cannot be listed is told where it is read.
        }
    }

    private static bool IsNameOfImages(string path) => Path.GetFileName(path).Contains("ubyte", StringComparison.OrdinalIgnoreCase);

    private static string ContentOf(string flag) => flag switch
    {
        "--report" => "report",
        "--svg" => "picture",
        "--save" => "model",
        "--checkpoint" => "checkpoint",
        _ => "results",
    };

    private void Protect(string? path, string what)
    {
        if (path is not null && FileIdentity.Find(path) is { } file)
        {
            _taken.Add((file, what, false));
        }
    }

    private void CheckFolder(string flag, string? folder)
    {
        if (folder is null)
        {
            return;
        }

        // A trial's file has a name as long.
        string file = Path.Combine(folder, "0123456789abcdef0123.json");
        if (WritablePath.FindProblem(file) is { } problem)
        {
            errors.Add(new Diagnostic(Origin.Flag(flag), problem.Replace($"'{file}'", $"'{folder}'", StringComparison.Ordinal)));
        }

        Protect(folder, $"the folder of {flag}");
    }

    private void Check(string path, Origin origin, string content, string what)
    {
        if (WritablePath.FindProblem(path) is { } problem)
        {
            errors.Add(new Diagnostic(origin, problem));
        }

        else if (FileIdentity.Find(path) is { } file)
        {
            CheckAgainstTaken(path, file, origin, content);
            _taken.Add((file, what, true));
        }
    }

    private void CheckAgainstTaken(string path, FileIdentity file, Origin origin, string content)
    {
        foreach (string taken in _taken.Where(t => t.File.IsSameAs(file)).Select(t => t.What).Distinct())
        {
            errors.Add(new Diagnostic(origin, $"'{path}' is {taken}; write the {content} to another file"));
        }

        foreach ((_, string other, _) in _taken.Where(t => t.IsWrittenFile && file.IsInside(t.File)))
        {
            errors.Add(new Diagnostic(origin, $"'{path}' lies in {other}, which is no folder; write the {content} elsewhere"));
        }

        foreach ((_, string other, _) in _taken.Where(t => t.File.IsInside(file)))
        {
            errors.Add(new Diagnostic(origin, $"'{path}' is a folder of {other}; write the {content} to another file"));
        }

        if (_imageFolder is not null && file.IsDirectlyIn(_imageFolder) && IsNameOfImages(path) && !_taken.Any(t => t.File.IsSameAs(file)))
        {
            errors.Add(new Diagnostic(origin, $"'{path}' has a name of the data, beside it; write the {content} to another file"));
        }
    }
}
