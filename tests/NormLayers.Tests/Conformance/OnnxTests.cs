using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>References and float layers against the ONNX backend node tests, whose outputs are float32 from float32 arithmetic.</summary>
public sealed class OnnxTests
{
    private static readonly IReadOnlyList<ConformanceCase> s_suite = ConformanceCase.Load("onnx");

    public static TheoryData<string> BatchNormCases => ConformanceCase.Names(s_suite, "BatchNormalization");

    public static TheoryData<string> LayerNormCases => ConformanceCase.Names(s_suite, "LayerNormalization");

    [Fact]
    public void Suite_CasesOfTheLayers_AreAllRun()
    {
        Assert.Equal(9, BatchNormCases.Count);
        Assert.Equal(19, LayerNormCases.Count);
    }

    [Theory]
    [MemberData(nameof(BatchNormCases))]
    public void BatchNorm_Case_MatchesOnnx(string name)
    {
        ConformanceCase c = ConformanceCase.Find(s_suite, name);
        Shape shape = new(c.InputShape("x"));
        double[] x = c.Input("x");
        double epsilon = (float)c.Number("epsilon");
        double oldWeight = (float)c.Number("momentum");
        BatchNorm layer = NormRun.BatchNorm(
            shape, epsilon, Momentum.OldWeight(oldWeight), c.Input("scale"), c.Input("bias"), c.Input("mean"), c.Input("var"));
        layer.Training = c.HasOutput("running_mean");
        double[] reference = layer.CreateReference().Forward(x, shape);
        float[] y = NormRun.ForwardOf(layer, x, shape);

        double[] expected = c.Output("y");
        Compare.Within(expected, reference, Tolerance.Printed(expected), "reference");
        Compare.Within(expected, y, Tolerance.Printed(expected), "y");
        if (layer.Training)
        {
            // ONNX tracks the variance divided by m, this library as PyTorch that divided by m − 1.
            double m = x.Length / shape[1];
            double[] expectedVariance =
                [.. c.Output("running_var").Zip(c.Input("var"), (after, before) => oldWeight * before + (after - oldWeight * before) * m / (m - 1))];
            Compare.Within(c.Output("running_mean"), layer.Running!.Mean, Tolerance.Printed(c.Output("running_mean")), "running_mean");
            Compare.Within(expectedVariance, layer.Running.Variance, Tolerance.Printed(expectedVariance), "running_var");
        }
    }

    [Theory]
    [MemberData(nameof(LayerNormCases))]
    public void LayerNorm_Case_MatchesOnnx(string name)
    {
        ConformanceCase c = ConformanceCase.Find(s_suite, name);
        int[] dimensions = c.InputShape("x");
        int axis = (int)c.Number("axis");
        Shape normalized = new(dimensions.AsSpan(axis < 0 ? axis + dimensions.Length : axis));
        double[] x = c.Input("x");
        double epsilon = (float)c.Number("epsilon");
        (double[] reference, double[] mean, double[] rstd) = LayerNormReference.Forward(x, c.Input("scale"), c.Input("bias"), epsilon);
        LayerNorm layer = NormRun.LayerNorm(normalized, epsilon, c.Input("scale"), c.Input("bias"));
        float[] y = NormRun.ForwardOf(layer, x, new Shape(dimensions));

        double[] expected = c.Output("y");
        Compare.Within(expected, reference, Tolerance.Printed(expected), "reference");
        Compare.Within(c.Output("mean"), mean, Tolerance.Printed(c.Output("mean")), "mean");
        Compare.Within(c.Output("rstd"), rstd, Tolerance.Printed(c.Output("rstd")), "rstd");
        Compare.Within(expected, y, Tolerance.Printed(expected), "y");
    }
}
