using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>The reference over index sets against every outside case of a normalization, also of layers that the library does not have.</summary>
public sealed class NormReferenceConformanceTests
{
    private static readonly IReadOnlyList<ConformanceCase> s_libtorch = ConformanceCase.Load("libtorch");
    private static readonly IReadOnlyList<ConformanceCase> s_onnx = ConformanceCase.Load("onnx");
    private static readonly IReadOnlyList<ConformanceCase> s_literals = ConformanceCase.Load("literals");

    public static TheoryData<string> Libtorch => [.. s_libtorch.Where(c => c.Op != "Training").Select(c => c.Name)];

    public static TheoryData<string> Onnx => [.. s_onnx.Where(c => c.Op != "LRN").Select(c => c.Name)];

    public static TheoryData<string> Literals => [.. s_literals.Where(c => c.Op != "LRN").Select(c => c.Name)];

    [Fact]
    public void Suites_Cases_AreAllRun()
    {
        Assert.Equal("BatchNorm 55, GroupNorm 21, InstanceNorm 6, LayerNorm 27, RMSNorm 23, Training 6", Counts(s_libtorch));
        Assert.Equal(
            "BatchNormalization 9, GroupNormalization 2, InstanceNormalization 2, LRN 2, LayerNormalization 19, LpNormalization 3, MeanVarianceNormalization 1, RMSNormalization 19",
            Counts(s_onnx));
        Assert.Equal("BatchNormalization 5, GroupNormalization 15, InstanceNormalization 6, LRN 7, LayerNormalization 13, RMSNormalization 5", Counts(s_literals));

        static string Counts(IReadOnlyList<ConformanceCase> suite) =>
            string.Join(", ", suite.GroupBy(c => c.Op).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => $"{g.Key} {g.Count()}"));
    }

    [Theory]
    [MemberData(nameof(Libtorch))]
    public void Passes_LibtorchCase_Match(string name)
    {
        ConformanceCase c = ConformanceCase.Find(s_libtorch, name);
        (double[] x, double[] dy, Family family) = (c.Input("x"), c.Input("dy"), FamilyOf(c));
        bool evaluates = c.Has("mode") && c.Text("mode") == "eval";
        NormReference norm = family.Reference(
            c.Number("eps"), Optional(c, "gamma"), Optional(c, "beta"), evaluates ? (c.Input("running_mean"), c.Input("running_var")) : null);
        Solution solution = Solution.Of(family, norm, x, new Shape(c.InputShape("x")), dy);

        NormTolerances allowed = Tolerance.Of(solution, x, dy, Tolerance.InDouble);
        Compare.Within(c.Output("y"), solution.Y.Exact, allowed.Y, "y");
        Compare.Within(c.Output("dx"), solution.Dx.Exact, allowed.Dx, "dx");
        Assert.Equal(c.HasInput("gamma"), c.HasOutput("dgamma"));
        Assert.Equal(c.HasInput("beta"), c.HasOutput("dbeta"));
        if (solution.DGamma is { } dGamma)
        {
            Compare.Within(c.Output("dgamma"), dGamma.Exact, allowed.DGamma, "dgamma");
        }

        if (solution.DBeta is { } dBeta)
        {
            Compare.Within(c.Output("dbeta"), dBeta.Exact, allowed.DBeta, "dbeta");
        }
    }

    [Theory]
    [MemberData(nameof(Onnx))]
    public void Forward_OnnxCase_Matches(string name)
    {
        ConformanceCase c = ConformanceCase.Find(s_onnx, name);
        NormReference norm = Reference(c, evaluates: !c.HasOutput("running_mean"));
        double[] y = norm.Forward(c.Input("x"), new Shape(c.InputShape("x")));

        Compare.Within(c.Output("y"), y, Tolerance.Printed(c.Output("y")), "y");
        if (c.HasOutput("mean"))
        {
            Compare.Within(c.Output("mean"), norm.Mean, Tolerance.Printed(c.Output("mean")), "mean");
            Compare.Within(c.Output("rstd"), norm.Rstd, Tolerance.Printed(c.Output("rstd")), "rstd");
        }
    }

    [Theory]
    [MemberData(nameof(Literals))]
    public void Passes_LiteralCase_Match(string name)
    {
        ConformanceCase c = ConformanceCase.Find(s_literals, name);
        double[] x = c.Input("x");
        NormReference norm = Reference(c, evaluates: c.Text("mode") == "eval");
        double[] y = norm.Forward(x, new Shape(c.InputShape("x")));
        double[] ones = new double[x.Length];
        Array.Fill(ones, 1);
        double[] dx = norm.Backward(ones);

        double atol = c.Number("atol");
        Compare.Within(c.Output("y"), y, atol, "y");
        foreach ((string output, double[]? actual) in (ReadOnlySpan<(string, double[]?)>)[("dx", dx), ("dscale", norm.DGamma), ("dbias", norm.DBeta)])
        {
            if (c.HasOutput(output))
            {
                Compare.Within(c.Output(output), actual, atol, output);
            }
        }
    }

    private static NormReference Reference(ConformanceCase c, bool evaluates)
    {
        int channels = c.InputShape("x") is { Length: > 1 } shape ? shape[1] : 1;
        bool given = evaluates && c.Op == "BatchNormalization";
        return FamilyOf(c).Reference(
            c.Op switch { "MeanVarianceNormalization" => 1e-9, "LpNormalization" => 0, _ => (float)c.Number("epsilon") },
            c.HasOutput("dscale") ? c.InputOr("scale", channels, 1) : Optional(c, "scale"),
            c.HasOutput("dbias") ? c.InputOr("bias", channels, 0) : Optional(c, "bias"),
            given ? (c.InputOr("mean", channels, 0), c.InputOr("var", channels, 1)) : null);
    }

    private static Family FamilyOf(ConformanceCase c)
    {
        int rank = c.InputShape("x").Length;
        int axis = c.Has("axis") ? (int)c.Number("axis") : 0;
        int trailing = c.Dimensions("normalized_shape")?.Length ?? (axis < 0 ? -axis : rank - axis);
        return c.Op switch
        {
            "BatchNorm" or "BatchNormalization" => Family.BatchNorm,
            "LayerNorm" or "LayerNormalization" => Family.OverRows(trailing),
            "RMSNorm" or "RMSNormalization" => Family.OverRows(trailing) with { Statistic = Statistic.RootMeanSquare },
            "GroupNorm" or "GroupNormalization" => Family.GroupNorm((int)c.Number(c.Has("groups") ? "groups" : "num_groups")),
            "InstanceNorm" or "InstanceNormalization" => Family.InstanceNorm,
            "MeanVarianceNormalization" => new Family(c.Op, IndexSets.Over(c.Dimensions("axes")!), IndexSets.All) { EpsilonOutsideRoot = true },
            "LpNormalization" => new Family(c.Op, IndexSets.Over(axis), IndexSets.All) { Statistic = Statistic.L2 },
            _ => throw new InvalidOperationException($"{c.Name}: no normalization is called {c.Op}."),
        };
    }

    private static double[]? Optional(ConformanceCase c, string input) => c.HasInput(input) ? c.Input(input) : null;
}
