using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>Local response norm against ONNX and the numbers of other projects; ScaleNorm with g = 1 against ONNX's LpNormalization.</summary>
public sealed class FormsConformanceTests
{
    private static readonly Dictionary<string, IReadOnlyList<ConformanceCase>> s_suites =
        new() { ["onnx"] = ConformanceCase.Load("onnx"), ["literals"] = ConformanceCase.Load("literals") };

    public static TheoryData<string, string> ResponseCases => Cases("LRN");

    public static TheoryData<string, string> LengthCases => Cases("LpNormalization");

    [Fact]
    public void Suites_CasesOfTheLayers_AreAllRun() => Assert.Equal(
        ["onnx LRN 2", "literals LRN 7", "onnx Lp 3"],
        [.. Counts(ResponseCases, "LRN"), .. Counts(LengthCases, "Lp")]);

    [Theory]
    [MemberData(nameof(ResponseCases))]
    public void LocalResponseNorm_Case_Matches(string suite, string name)
    {
        ConformanceCase c = ConformanceCase.Find(s_suites[suite], name);
        Shape shape = new(c.InputShape("x"));
        double[] x = c.Input("x");
        LocalResponseNorm layer = new((int)c.Number("size"), c.Number("alpha"), c.Number("beta"), c.Number("bias"), evenReachesUp: true);
        double[] expected = c.Output("y");
        double[] allowed = c.Has("atol") ? Array.ConvertAll(expected, _ => c.Number("atol")) : Tolerance.Printed(expected);

        Compare.Within(expected, layer.CreateReference().Forward(x, shape), allowed, "reference");
        Compare.Within(expected, NormRun.ForwardOf(layer, x, shape), allowed, "y");
    }

    [Theory]
    [MemberData(nameof(LengthCases))]
    public void ScaleNorm_LpNormalization_Matches(string suite, string name)
    {
        // The set's axis comes last.
        ConformanceCase c = ConformanceCase.Find(s_suites[suite], name);
        int[][] sets = IndexSets.Over((int)c.Number("axis")).Of(new Shape(c.InputShape("x")));
        double[] x = c.Input("x");
        double[] expected = c.Output("y");
        ScaleNorm layer = new(sets[0].Length, epsilon: 0);
        layer.G.Value[0] = 1;
        foreach (int[] set in sets)
        {
            double[] y = Array.ConvertAll(set, i => expected[i]);
            Compare.Within(y, NormRun.ForwardOf(layer, Array.ConvertAll(set, i => x[i]), (1, set.Length)), Tolerance.Printed(y), "y");
        }
    }

    private static TheoryData<string, string> Cases(string op) => [.. s_suites.SelectMany(suite => suite.Value.Where(c => c.Op == op).Select(c => (suite.Key, c.Name)))];

    private static IEnumerable<string> Counts(TheoryData<string, string> cases, string op) => cases.GroupBy(c => c.Data.Item1).Select(g => $"{g.Key} {op} {g.Count()}");
}
