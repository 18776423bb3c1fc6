namespace NormLayers.Benchmarks;

/// <summary>Where things lie in the clone that this was built in.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string Results { get; } = Path.Combine(Root, "benchmarks", "results");

    public static string PerformancePage { get; } = Path.Combine(Root, "docs", "performance.md");

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "NormLayers.slnx")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("The benchmarks must run from within the repository.");
    }
}
