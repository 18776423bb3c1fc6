using NormLayers.Cli.Commands;
using NormLayers.Cli.Experiments;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests.Experiments;

public sealed class ExperimentTests
{
    [Theory]
    [InlineData("invariances")]
    [InlineData("init-gradients")]
    [InlineData("init-rank")]
    public void Run_Defaults_EveryAssertionHolds(string name)
    {
        ExperimentResult result = ExperimentCommand.Experiments.Single(e => e.Name == name)
            .Run(new(1, false, TestContext.Current.CancellationToken));

        Assert.NotEmpty(result.Assertions);
        Assert.All(result.Assertions, a => Assert.True(a.Passed, $"{a}"));
        Assert.Equal("reproduced", result.Verdict);
    }

    [Fact]
    public void Theory_LargeBatch_IsThePublishedLimit() =>
        Assert.Equal(Math.PI / (Math.PI - 1), InitGradients.Theory(1_000_000), 1e-4);

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(0.5)]
    [InlineData(3)]
    public void Assertion_OutOfBounds_Fails(double measured) => Assert.False(new Assertion("", measured, 1, 2).Passed);

    [Fact]
    public void Experiment_UnknownName_NamesTheNearest()
    {
        using Tool tool = new();

        ToolResult result = tool.Run("experiment", "init-gradient").Expect(2);

        Assert.Contains("did you mean 'init-gradients'?", result.Error, StringComparison.Ordinal);
    }
}
