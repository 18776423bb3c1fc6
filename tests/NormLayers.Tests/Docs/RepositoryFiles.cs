namespace NormLayers.Tests.Docs;

/// <summary>The files of the repository that the tests were built from.</summary>
internal static class RepositoryFiles
{
    public static string Root { get; } = FindRoot();

    public static string[] ReadLines(string path) => File.ReadAllLines(Path.Combine(Root, path));

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "NormLayers.slnx")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException($"No NormLayers.slnx in or above {AppContext.BaseDirectory}.");
    }
}
