using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>Group and instance normalization, the pages' references and the float layers, against libtorch in float64, the ONNX node tests and other projects' numbers.</summary>
public sealed class GroupNormConformanceTests
{
    private static readonly Dictionary<string, IReadOnlyList<ConformanceCase>> s_suites =
        new() { ["libtorch"] = ConformanceCase.Load("libtorch"), ["onnx"] = ConformanceCase.Load("onnx"), ["literals"] = ConformanceCase.Load("literals") };

    public static TheoryData<string, string> Cases => [.. s_suites.SelectMany(suite => suite.Value
        .Where(c => c.Op is "GroupNorm" or "GroupNormalization" or "InstanceNorm" or "InstanceNormalization").Select(c => (suite.Key, c.Name)))];

    [Fact]
    public void Suites_CasesOfTheLayers_AreAllRun() => Assert.Equal(
        ["libtorch 27", "onnx 4", "literals 21"],
        Cases.GroupBy(c => c.Data.Item1).Select(g => $"{g.Key} {g.Count()}"));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Reference_Case_Matches(string suite, string name)
    {
        Sample s = new(suite, name);
        double[] dGamma = new double[s.Gamma.Length];
        double[] dBeta = new double[s.Gamma.Length];
        double[] y, dx, mean, rstd;
        if (s.IsInstanceNorm)
        {
            (y, mean, rstd) = InstanceNormReference.Forward(s.X, s.Length, s.Gamma, s.Beta, s.Epsilon);
            dx = InstanceNormReference.Backward(s.X, s.Dy, s.Length, s.Gamma, mean, rstd, dGamma, dBeta);
        }
        else
        {
            (y, mean, rstd) = GroupNormReference.Forward(s.X, s.Length, s.Groups, s.Gamma, s.Beta, s.Epsilon);
            dx = GroupNormReference.Backward(s.X, s.Dy, s.Length, s.Gamma, mean, rstd, dGamma, dBeta);
        }

        s.AssertNear(y, dx, dGamma, dBeta, suite == "libtorch" ? Tolerance.InDouble : 1);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Layer_Case_Matches(string suite, string name)
    {
        Sample s = new(suite, name);
        int channels = s.Gamma.Length;
        NormalizationLayer layer = s.IsInstanceNorm
            ? new InstanceNorm(channels, s.Epsilon, withGamma: true, withBeta: true)
            : new GroupNorm(s.Groups, channels, s.Epsilon);
        Compare.Narrow(s.Gamma).CopyTo(layer.Gamma!.Value, 0);
        Compare.Narrow(s.Beta).CopyTo(layer.Beta!.Value, 0);
        NormRun run = NormRun.Of(layer, s.X, s.Shape, s.Dy);

        s.AssertNear(Compare.Widen(run.Y), Compare.Widen(run.Dx), Compare.Widen(layer.Gamma.Gradient), Compare.Widen(layer.Beta.Gradient), share: 1);
    }

    private sealed class Sample
    {
        private readonly ConformanceCase _case;
        private readonly bool _libtorch;

        public Sample(string suite, string name)
        {
            _case = ConformanceCase.Find(s_suites[suite], name);
            _libtorch = suite == "libtorch";
            Shape = new Shape(_case.InputShape("x"));
            IsInstanceNorm = _case.Op.StartsWith("Instance", StringComparison.Ordinal);
            Groups = IsInstanceNorm ? Shape[1] : (int)_case.Number(_libtorch ? "groups" : "num_groups");
            Epsilon = _libtorch ? _case.Number("eps") : (float)_case.Number("epsilon");
            X = _case.Input("x");
            Gamma = _case.InputOr(_libtorch ? "gamma" : "scale", Shape[1], 1);
            Beta = _case.InputOr(_libtorch ? "beta" : "bias", Shape[1], 0);
            Dy = _libtorch ? _case.Input("dy") : new double[X.Length];
        }

        public Shape Shape { get; }

        public int Length => Shape.Length / (Shape[0] * Shape[1]);

        public bool IsInstanceNorm { get; }

        public int Groups { get; }

        public double Epsilon { get; }

        public double[] X { get; }

        public double[] Dy { get; }

        public double[] Gamma { get; }

        public double[] Beta { get; }

        public void AssertNear(double[] y, double[] dx, double[] dGamma, double[] dBeta, double share)
        {
            double[] expected = _case.Output("y");
            if (!_libtorch)
            {
                Compare.Within(expected, y, _case.Has("atol") ? Array.ConvertAll(expected, _ => _case.Number("atol")) : Tolerance.Printed(expected), "y");
                return;
            }

            Family family = IsInstanceNorm ? Family.InstanceNorm : Family.GroupNorm(Groups);
            NormTolerances allowed = Tolerance.Of(Solution.Of(family, family.Reference(Epsilon, Gamma, Beta), X, Shape, Dy), X, Dy, share);
            Compare.Within(expected, y, allowed.Y, "y");
            Compare.Within(_case.Output("dx"), dx, allowed.Dx, "dx");
            if (_case.HasOutput("dgamma"))
            {
                Compare.Within(_case.Output("dgamma"), dGamma, allowed.DGamma, "dgamma");
            }

            if (_case.HasOutput("dbeta"))
            {
                Compare.Within(_case.Output("dbeta"), dBeta, allowed.DBeta, "dbeta");
            }
        }
    }
}
