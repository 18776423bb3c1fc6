namespace NormLayers.Cli.Tests.Support;

/// <summary>Compares texts with those committed in <c>Snapshots/</c>; <c>UPDATE_SNAPSHOTS=1</c> rewrites them.</summary>
internal static class Snapshot
{
    public static string Root { get; } = FindRoot();

    public static void Match(string name, string actual)
    {
        string path = Path.Combine(Root, "tests", "NormLayers.Cli.Tests", "Snapshots", name + ".txt");
        string normalized = Normalize(actual);
        if (Environment.GetEnvironmentVariable("UPDATE_SNAPSHOTS") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, normalized);
            return;
        }

        Assert.True(File.Exists(path), $"no snapshot '{name}'; run once with UPDATE_SNAPSHOTS=1, look at the file, commit it");
        Assert.Equal(Normalize(File.ReadAllText(path)), normalized);
    }

    private static string Normalize(string text) =>
        string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(l => l.TrimEnd())).TrimEnd('\n') + "\n";

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "NormLayers.slnx")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("The tests must run from within the repository.");
    }
}
