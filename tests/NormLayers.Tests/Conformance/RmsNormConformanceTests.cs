using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>RMS normalization, the page's reference and the float layer, against libtorch in float64, the ONNX node tests and other projects' numbers.</summary>
public sealed class RmsNormConformanceTests
{
    private static readonly Dictionary<string, IReadOnlyList<ConformanceCase>> s_suites =
        new() { ["libtorch"] = ConformanceCase.Load("libtorch"), ["onnx"] = ConformanceCase.Load("onnx"), ["literals"] = ConformanceCase.Load("literals") };

    public static TheoryData<string, string> Cases =>
        [.. s_suites.SelectMany(suite => suite.Value.Where(c => c.Op is "RMSNorm" or "RMSNormalization").Select(c => (suite.Key, c.Name)))];

    [Fact]
    public void Suites_CasesOfTheLayer_AreAllRun() => Assert.Equal(
        ["libtorch 23", "onnx 19", "literals 5"],
        Cases.GroupBy(c => c.Data.Item1).Select(g => $"{g.Key} {g.Count()}"));

    [Theory]
    [MemberData(nameof(Cases))]
    public void RmsNormReference_Case_Matches(string suite, string name)
    {
        Sample s = new(suite, name);
        double[] dGamma = new double[s.Features];
        (double[] y, double[] meanSquare, double[] rstd) = RmsNormReference.Forward(s.X, s.Gamma, s.Epsilon);
        double[] dx = RmsNormReference.Backward(s.X, s.Dy, s.Gamma, meanSquare, rstd, dGamma);

        s.AssertNear(y, dx, dGamma, suite == "libtorch" ? Tolerance.InDouble : 1);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void RmsNorm_Case_Matches(string suite, string name)
    {
        Sample s = new(suite, name);
        RmsNorm layer = new(s.Features, s.Epsilon, s.WithGamma);
        Compare.Narrow(s.Gamma).AsSpan(0, layer.Gamma?.Value.Length ?? 0).CopyTo(layer.Gamma?.Value);
        NormRun run = NormRun.Of(layer, s.X, (s.X.Length / s.Features, s.Features), s.Dy);

        s.AssertNear(Compare.Widen(run.Y), Compare.Widen(run.Dx), layer.Gamma is null ? [] : Compare.Widen(layer.Gamma.Gradient), share: 1);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void RmsNorm_CaseWithOnePlusGamma_Matches(string suite, string name)
    {
        // γ − 1 is stored. Where that float plus 1 is γ again, the results have the bits of γ's; where not, γ is off by half an ulp of it.
        Sample s = new(suite, name);
        RmsNorm layer = new(s.Features, s.Epsilon, onePlusGamma: true);
        RmsNorm plain = new(s.Features, s.Epsilon);
        Array.ConvertAll(s.Gamma, v => (float)(v - 1)).CopyTo(layer.Gamma!.Value, 0);
        Array.ConvertAll(layer.Gamma.Value, v => 1 + v).CopyTo(plain.Gamma!.Value, 0);
        NormRun run = NormRun.Of(layer, s.X, (s.X.Length / s.Features, s.Features), s.Dy);
        NormRun expected = NormRun.Of(plain, s.X, (s.X.Length / s.Features, s.Features), s.Dy);

        Compare.SameBits(expected.Y, run.Y, "y");
        Compare.SameBits(expected.Dx, run.Dx, "dx");
        Compare.SameBits(plain.Gamma.Gradient, layer.Gamma.Gradient, "dgamma");
    }

    private sealed class Sample
    {
        private readonly ConformanceCase _case;
        private readonly bool _libtorch;

        public Sample(string suite, string name)
        {
            _case = ConformanceCase.Find(s_suites[suite], name);
            _libtorch = suite == "libtorch";
            int[] shape = _case.InputShape("x");
            int axis = _case.Has("axis") ? (int)_case.Number("axis") : shape.Length - (_case.Dimensions("normalized_shape")?.Length ?? 1);
            Features = shape[(axis < 0 ? axis + shape.Length : axis)..].Aggregate(1, (product, d) => product * d);
            Epsilon = _libtorch ? _case.Number("eps") : (float)_case.Number("epsilon");
            X = _case.Input("x");
            WithGamma = _case.HasInput(_libtorch ? "gamma" : "scale");
            Gamma = _case.InputOr(_libtorch ? "gamma" : "scale", Features, 1);
            Dy = _case.HasInput("dy") ? _case.Input("dy") : new double[X.Length];
        }

        public int Features { get; }

        public double Epsilon { get; }

        public double[] X { get; }

        public double[] Gamma { get; }

        public bool WithGamma { get; }

        public double[] Dy { get; }

        public void AssertNear(double[] y, double[] dx, double[] dGamma, double share)
        {
            double[] expected = _case.Output("y");
            if (!_libtorch)
            {
                Compare.Within(expected, y, _case.Has("atol") ? Array.ConvertAll(expected, _ => _case.Number("atol")) : Tolerance.Printed(expected), "y");
                return;
            }

            Family family = Family.RmsNorm;
            Shape rows = (X.Length / Features, Features);
            NormTolerances allowed = Tolerance.Of(Solution.Of(family, family.Reference(Epsilon, Gamma, beta: null), X, rows, Dy), X, Dy, share);
            Compare.Within(expected, y, allowed.Y, "y");
            Compare.Within(_case.Output("dx"), dx, allowed.Dx, "dx");
            if (WithGamma)
            {
                Compare.Within(_case.Output("dgamma"), dGamma, allowed.DGamma, "dgamma");
            }
        }
    }
}
