using System.Text.RegularExpressions;

namespace NormLayers.Tests.Docs;

/// <summary>Every line of code that a layer's page quotes is in the layer's reference, one for each tag.</summary>
[Trait("Width", "any")]
public sealed class PageCodeTests
{
    [Theory]
    [InlineData("LayerNorm", 10)]
    [InlineData("BatchNorm", 13)]
    [InlineData("GhostBatchNorm", 12)]
    [InlineData("BatchRenorm", 13)]
    [InlineData("RmsNorm", 7)]
    [InlineData("WeightNorm", 11)]
    [InlineData("ScaleNorm", 7)]
    [InlineData("DyT", 7)]
    [InlineData("LocalResponseNorm", 5)]
    [InlineData("GroupNorm", 10)]
    [InlineData("InstanceNorm", 10)]
    [InlineData("AdaptiveLayerNorm", 10)]
    public void Page_EachQuotedLine_StandsInTheReference(string layer, int tags)
    {
        HashSet<string> reference = [.. RepositoryFiles.ReadLines($"src/NormLayers/{layer}/{layer}Reference.cs").Select(l => l.Trim())];
        string page = string.Join('\n', RepositoryFiles.ReadLines($"src/NormLayers/{layer}/README.md"));
        string[] quoted = [.. Regex.Matches(page, "```csharp\n(.*?)\n```", RegexOptions.Singleline).SelectMany(m => m.Groups[1].Value.Split('\n'))];

        Assert.All(quoted, line => Assert.Contains(line, reference));
        Assert.Equal(tags, quoted.Length);
    }
}
