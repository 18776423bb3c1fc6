using NormLayers.Verification;

namespace NormLayers.Tests.Verification;

public sealed class GradientReportTests
{
    [Fact]
    public void ToString_Rows_IsATable()
    {
        GradientReport report = new(
        [
            new("linear1.weight", 640, 1.25, 1.25e-5, 3.5e-8, 17, 0.5, 0.5),
            new("linear1.bias", 32, 2e-9, 1.25e-6, 2e-9, 4, 2e-9, 0),
            new("input", 1000, 0.75, 7.5e-6, 0.1, 123, 0.4, 0.5),
        ]);
        string[] expected =
        [
            "tensor          elements  largest gradient  largest error  tolerance",
            "linear1.weight       640         1.25e+000      3.50e-008   1.3e-005  ok",
            "linear1.bias          32         2.00e-009      2.00e-009   1.3e-006  ok (no gradient to speak of)",
            "input               1000         7.50e-001      1.00e-001   7.5e-006  WRONG at [123]: gradient 0.4, difference quotient 0.5",
        ];
        Assert.Equal(string.Join(Environment.NewLine, expected), report.ToString());
        Assert.False(report.Passed);
        Assert.Equal([true, true, false], report.Tensors.Select(t => t.Passed));
        Assert.Equal([false, true, false], report.Tensors.Select(t => t.Vacuous));
    }

    [Fact]
    public void Passed_ErrorNotFinite_IsFalse()
    {
        TensorGradientError row = new("w", 1, 1, 1, 1, 0, 1, 0);
        Assert.True(row.Passed);
        Assert.False((row with { LargestError = double.NaN }).Passed);
        Assert.False((row with { Tolerance = double.NaN }).Passed);
        Assert.False((row with { LargestError = double.PositiveInfinity, Tolerance = double.PositiveInfinity }).Passed);
    }
}
