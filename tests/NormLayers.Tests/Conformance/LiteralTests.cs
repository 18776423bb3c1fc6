using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>References and float layers against the numbers that stand in other projects' tests, each with its source's precision.</summary>
public sealed class LiteralTests
{
    private static readonly IReadOnlyList<ConformanceCase> s_suite = ConformanceCase.Load("literals");

    public static TheoryData<string> BatchNormCases => ConformanceCase.Names(s_suite, "BatchNormalization");

    public static TheoryData<string> LayerNormCases => ConformanceCase.Names(s_suite, "LayerNormalization");

    [Fact]
    public void Suite_CasesOfTheLayers_AreAllRun()
    {
        Assert.Equal(5, BatchNormCases.Count);
        Assert.Equal(13, LayerNormCases.Count);
    }

    [Theory]
    [MemberData(nameof(BatchNormCases))]
    public void BatchNorm_Case_MatchesItsSource(string name)
    {
        ConformanceCase c = ConformanceCase.Find(s_suite, name);
        Shape shape = new(c.InputShape("x"));
        int C = shape[1];
        double[] x = c.Input("x");
        double atol = c.Number("atol");
        BatchNorm layer = NormRun.BatchNorm(
            shape,
            c.Number("epsilon"),
            Momentum.NewWeight(c.Number("momentum")),
            c.InputOr("scale", C, 1),
            c.InputOr("bias", C, 0),
            c.InputOr("mean", C, 0),
            c.InputOr("var", C, 1));
        layer.Training = c.Text("mode") == "train";
        double[] ones = new double[x.Length];
        Array.Fill(ones, 1);
        double[] reference = layer.CreateReference().Forward(x, shape);
        NormRun run = NormRun.Of(layer, x, shape, ones);

        Compare.Within(c.Output("y"), reference, atol, "reference");
        Compare.Within(c.Output("y"), run.Y, atol, "y");
        CompareIfGiven(c, "running_mean", layer.Running!.Mean);
        CompareIfGiven(c, "running_var", layer.Running.Variance);
        CompareIfGiven(c, "dx", run.Dx);
        CompareIfGiven(c, "dscale", layer.Gamma!.Gradient);
        CompareIfGiven(c, "dbias", layer.Beta!.Gradient);
        if (c.HasOutput("y_eval_after"))
        {
            layer.Training = false;
            CompareIfGiven(c, "y_eval_after", NormRun.ForwardOf(layer, x, shape));
        }
    }

    [Theory]
    [MemberData(nameof(LayerNormCases))]
    public void LayerNorm_Case_MatchesItsSource(string name)
    {
        ConformanceCase c = ConformanceCase.Find(s_suite, name);
        Assert.Equal(-1, c.Number("axis"));
        int features = c.InputShape("x")[^1];
        double[] x = c.Input("x");
        double[] gamma = c.InputOr("scale", features, 1);
        double[] beta = c.InputOr("bias", features, 0);
        (double[] reference, _, _) = LayerNormReference.Forward(x, gamma, beta, c.Number("epsilon"));
        float[] y = NormRun.ForwardOf(NormRun.LayerNorm(features, c.Number("epsilon"), gamma, beta), x, new Shape(c.InputShape("x")));

        Compare.Within(c.Output("y"), reference, c.Number("atol"), "reference");
        Compare.Within(c.Output("y"), y, c.Number("atol"), "y");
    }

    private static void CompareIfGiven(ConformanceCase c, string output, float[] actual)
    {
        if (c.HasOutput(output))
        {
            Compare.Within(c.Output(output), actual, c.Number("atol"), output);
        }
    }
}
