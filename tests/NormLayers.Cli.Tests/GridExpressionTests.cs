using NormLayers.Cli.Configuration;

namespace NormLayers.Cli.Tests;

public sealed class GridExpressionTests
{
    [Theory]
    [InlineData("0.1", false, "0.1")]
    [InlineData("0.01, 0.1", false, "0.01|0.1")]
    [InlineData("none,batchnorm", false, "none|batchnorm")]
    [InlineData("0.001:10:log9", false, "0.001|0.00316228|0.01|0.0316228|0.1|0.316228|1|3.16228|10")]
    [InlineData("10:0.1:log3", false, "10|1|0.1")]
    [InlineData("1:5:lin5", false, "1|2|3|4|5")]
    [InlineData("-1:1:lin5", false, "-1|-0.5|0|0.5|1")]
    [InlineData("0.1:0.3:lin3", false, "0.1|0.2|0.3")]
    [InlineData("1:20:lin5", true, "1|6|10|15|20")]
    [InlineData("1:4:log9", true, "1|2|3|4")]
    [InlineData("1e-7:1e-3:log3", false, "1E-07|1E-05|0.001")]
    public void Parse_Expression_GivesItsValues(string text, bool whole, string expected)
    {
        Assert.Null(GridExpression.Parse(text, whole, out IReadOnlyList<string> values));
        Assert.Equal(expected, string.Join('|', values));
    }

    [Theory]
    [InlineData("", "a value is missing")]
    [InlineData("1,,2", "a value is missing")]
    [InlineData("1:2", "expected values as in")]
    [InlineData("1:2:3:log4", "expected values as in")]
    [InlineData("1:2:exp4", "expected values as in")]
    [InlineData("1:2:log", "expected values as in")]
    [InlineData("1:2:log-4", "expected values as in")]
    [InlineData("a:2:log4", "expected values as in")]
    [InlineData("1:NaN:lin4", "expected values as in")]
    [InlineData("1:1e999:lin4", "expected values as in")]
    [InlineData("1:2:log1", "a range has 2 to 10000 values, got 1")]
    [InlineData("1:2:lin10001", "a range has 2 to 10000 values, got 10001")]
    [InlineData("2:2:lin3", "are the same")]
    [InlineData("0:1:log3", "above 0")]
    [InlineData("1:-1:log3", "above 0")]
    public void Parse_Wrong_SaysWhat(string text, string expected)
    {
        Assert.Contains(expected, GridExpression.Parse(text, false, out IReadOnlyList<string> values), StringComparison.Ordinal);
        Assert.Empty(values);
    }
}
