using NormLayers.Cli.Tests.Support;
using NormLayers.Numerics;

namespace NormLayers.Cli.Tests;

/// <summary>The tool's documents have the same bits at every vector width.</summary>
public sealed class WidthTests
{
    private static readonly string[] s_sweep =
        ["sweep", "--mode", "none,batchnorm,layernorm", "--learning-rate", "0.05,1e30", "--depth", "1,3", "--seeds", "1", "--epochs", "1", "--no-progress", "--json"];

    private static readonly Lazy<(string Sweep, string Experiment)> s_widest = new(() => Run([]));

    [Theory]
    [InlineData(256, "DOTNET_EnableAVX512")]
    [InlineData(128, "DOTNET_EnableAVX2")]
    [InlineData(0, "DOTNET_EnableHWIntrinsic")]
    [InlineData(512, "NORMLAYERS_VECTOR_BITS")]
    [InlineData(128, "NORMLAYERS_VECTOR_BITS")]
    [InlineData(0, "NORMLAYERS_VECTOR_BITS")]
    public void Documents_NarrowerVectors_HaveTheSameBits(int width, string variable)
    {
        Assert.SkipUnless(width <= VectorWidth.Widest || (width == 512 && VectorWidth.Widest == 256), "this processor has no such vectors");
        Dictionary<string, string> environment = new() { [variable] = variable.StartsWith("DOTNET", StringComparison.Ordinal) ? "0" : $"{width}" };

        using Tool tool = ToolWith(environment);
        Assert.Equal(width, (int)tool.Run("info", "--json").Expect(0).Json["vector_bits"]!);
        Assert.Equal(s_widest.Value, Run(environment));
    }

    private static (string Sweep, string Experiment) Run(Dictionary<string, string> environment)
    {
        using Tool tool = ToolWith(environment);
        return (tool.Run(s_sweep).Expect(0).Output, tool.Run("experiment", "invariances", "--json").Expect(0).Output);
    }

    private static Tool ToolWith(Dictionary<string, string> environment)
    {
        Tool tool = new();
        foreach ((string name, string value) in environment)
        {
            tool.Environment[name] = value;
        }

        return tool;
    }
}
