namespace NormLayers.Benchmarks;

/// <summary>Where things lie in the clone that this was built in.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string Results { get; } = Path.Combine(Root, "benchmarks", "results");

    /// <summary>The pages with tables: the results, and all that was measured before.</summary>
    public static IReadOnlyList<string> PerformancePages { get; } =
        [.. new[] { "performance.md", "performance-family.md", "performance-history.md" }.Select(page => Path.Combine(Root, "docs", page))];

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
