namespace NormLayers.Tests.Docs;

/// <summary>A layer is its page and at most 300 lines of C#, RMS normalization's 250: its folder and the engines that no other layer uses. What it shares is elsewhere.</summary>
[Trait("Width", "any")]
public sealed class FolderSizeTests
{
    private const int MostLines = 300;
    private const int MostLinesOfRmsNorm = 250;

    // LayerNorm and BatchNorm, on which the others build, and the files outside a folder that only its layer uses.
    private static readonly string[] s_first = ["LayerNorm", "BatchNorm"];

    private static readonly Dictionary<string, string[]> s_enginesOf = new()
    {
        ["BatchRenorm"] = ["Normalization/RenormFactors.cs"],
        ["DyT"] = ["Normalization/TanhRows.cs"],
        ["LocalResponseNorm"] = ["Normalization/ChannelWindows.cs"],
        ["WeightNorm"] = ["NormalizedLinear.cs"],
    };

    private static string Library => Path.Combine(RepositoryFiles.Root, "src", "NormLayers");

    /// <summary>Every folder with a page and a reference.</summary>
    public static TheoryData<string> Folders =>
    [
        .. from folder in Directory.EnumerateDirectories(Library)
           let name = Path.GetFileName(folder)
           where File.Exists(Path.Combine(folder, "README.md")) && File.Exists(Path.Combine(folder, $"{name}Reference.cs")) && !s_first.Contains(name)
           orderby name
           select name,
    ];

    [Fact]
    public void Folders_EveryFurtherLayer_IsListed() => Assert.Equal(
        ["AdaptiveLayerNorm", "BatchRenorm", "DyT", "GhostBatchNorm", "GroupNorm", "InstanceNorm", "LocalResponseNorm", "RmsNorm", "ScaleNorm", "WeightNorm"],
        Folders.Select(f => f.Data));

    [Theory]
    [MemberData(nameof(Folders))]
    public void Layer_FolderAndItsOwnEngines_HaveAtMostTheirLines(string folder)
    {
        int most = folder == "RmsNorm" ? MostLinesOfRmsNorm : folder == "WeightNorm" ? 2 * MostLines : MostLines; // With weight standardization.
        string[] files = [.. Directory.EnumerateFiles(Path.Combine(Library, folder), "*.cs", SearchOption.AllDirectories), .. s_enginesOf.GetValueOrDefault(folder, []).Select(f => Path.Combine(Library, f))];
        (string File, int Lines)[] lengths = [.. files.Select(f => (Path.GetFileName(f), File.ReadLines(f).Count()))];
        int lines = lengths.Sum(l => l.Lines);
        Assert.True(lines > 100 && lines <= most, $"{folder}: {lines} lines: {string.Join(", ", lengths)}");
    }
}
