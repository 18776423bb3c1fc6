using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>References and float layers against libtorch 2.10 in float64: outputs, gradients and running statistics.</summary>
public sealed class LibtorchTests
{
    private static readonly IReadOnlyList<ConformanceCase> s_suite = ConformanceCase.Load("libtorch");

    public static TheoryData<string> BatchNormCases => ConformanceCase.Names(s_suite, "BatchNorm");

    public static TheoryData<string> LayerNormCases => ConformanceCase.Names(s_suite, "LayerNorm");

    [Fact]
    public void Suite_CasesOfTheLayers_AreAllRun()
    {
        Assert.Equal(55, BatchNormCases.Count);
        Assert.Equal(27, LayerNormCases.Count);
        Assert.Equal(6, LibtorchTrainingTests.Cases.Count);
    }

    [Theory]
    [MemberData(nameof(BatchNormCases))]
    public void BatchNormReference_Case_MatchesLibtorch(string name)
    {
        BatchNormCase c = new(ConformanceCase.Find(s_suite, name));
        (double[] mean, double[] variance) = c.Given ?? BatchNormReference.Statistics(c.X, c.Channels, c.Length);
        (double[] y, double[] rstd) = BatchNormReference.Normalize(c.X, c.Length, mean, variance, c.Gamma, c.Beta, c.Epsilon);
        double[] dGamma = new double[c.Channels];
        double[] dBeta = new double[c.Channels];
        double[] dx = BatchNormReference.Backward(c.X, c.Dy, c.Length, mean, rstd, c.Gamma, c.Given is null, dGamma, dBeta);

        NormTolerances allowed = c.Tolerances(Tolerance.InDouble);
        Compare.Within(c.Case.Output("y"), y, allowed.Y, "y");
        Compare.Within(c.Case.Output("dx"), dx, allowed.Dx, "dx");
        if (c.Affine)
        {
            Compare.Within(c.Case.Output("dgamma"), dGamma, allowed.DGamma, "dgamma");
            Compare.Within(c.Case.Output("dbeta"), dBeta, allowed.DBeta, "dbeta");
        }

        if (c.Mode == "train")
        {
            double[] runningMean = c.Case.Input("running_mean");
            double[] runningVariance = c.Case.Input("running_var");
            BatchNormReference.UpdateRunning(mean, variance, c.ValuesPerChannel, c.NewWeight, runningMean, runningVariance);
            (double[] allowedMean, double[] allowedVariance) = c.RunningTolerances();
            Compare.Within(c.Case.Output("running_mean"), runningMean, Array.ConvertAll(allowedMean, t => t * Tolerance.InDouble), "running_mean");
            Compare.Within(c.Case.Output("running_var"), runningVariance, Array.ConvertAll(allowedVariance, t => t * Tolerance.InDouble), "running_var");
        }
    }

    [Theory]
    [MemberData(nameof(BatchNormCases))]
    public void BatchNorm_Case_MatchesLibtorch(string name)
    {
        BatchNormCase c = new(ConformanceCase.Find(s_suite, name));
        bool tracked = c.Mode != "untracked";
        BatchNorm layer = NormRun.BatchNorm(
            c.Shape,
            c.Epsilon,
            Momentum.NewWeight(c.NewWeight),
            c.Affine ? c.Gamma : null,
            c.Affine ? c.Beta : null,
            tracked ? c.Case.Input("running_mean") : null,
            tracked ? c.Case.Input("running_var") : null);
        layer.Training = c.Mode == "train";
        NormRun run = NormRun.Of(layer, c.X, c.Shape, c.Dy);

        NormTolerances allowed = c.Tolerances(share: 1);
        Compare.Within(c.Case.Output("y"), run.Y, allowed.Y, "y");
        Compare.Within(c.Case.Output("dx"), run.Dx, allowed.Dx, "dx");
        if (c.Affine)
        {
            Compare.Within(c.Case.Output("dgamma"), layer.Gamma!.Gradient, allowed.DGamma, "dgamma");
            Compare.Within(c.Case.Output("dbeta"), layer.Beta!.Gradient, allowed.DBeta, "dbeta");
        }

        if (c.Mode == "train")
        {
            (double[] allowedMean, double[] allowedVariance) = c.RunningTolerances();
            Compare.Within(c.Case.Output("running_mean"), layer.Running!.Mean, allowedMean, "running_mean");
            Compare.Within(c.Case.Output("running_var"), layer.Running.Variance, allowedVariance, "running_var");
            Assert.Equal(1, layer.Running.BatchesSeen);
        }
        else if (tracked)
        {
            Compare.SameBits(Compare.Narrow(c.Case.Input("running_mean")), layer.Running!.Mean, "running_mean");
            Compare.SameBits(Compare.Narrow(c.Case.Input("running_var")), layer.Running.Variance, "running_var");
            Assert.Equal(0, layer.Running.BatchesSeen);
        }
    }

    [Theory]
    [MemberData(nameof(LayerNormCases))]
    public void LayerNormReference_Case_MatchesLibtorch(string name)
    {
        LayerNormCase c = new(ConformanceCase.Find(s_suite, name));
        (double[] y, double[] mean, double[] rstd) = LayerNormReference.Forward(c.X, c.Gamma, c.Beta, c.Epsilon);
        double[] dGamma = new double[c.Features];
        double[] dBeta = new double[c.Features];
        double[] dx = LayerNormReference.Backward(c.X, c.Dy, c.Gamma, mean, rstd, dGamma, dBeta);

        NormTolerances allowed = c.Tolerances(Tolerance.InDouble);
        Compare.Within(c.Case.Output("y"), y, allowed.Y, "y");
        Compare.Within(c.Case.Output("dx"), dx, allowed.Dx, "dx");
        if (c.WithGamma)
        {
            Compare.Within(c.Case.Output("dgamma"), dGamma, allowed.DGamma, "dgamma");
        }

        if (c.WithBeta)
        {
            Compare.Within(c.Case.Output("dbeta"), dBeta, allowed.DBeta, "dbeta");
        }
    }

    [Theory]
    [MemberData(nameof(LayerNormCases))]
    public void LayerNorm_Case_MatchesLibtorch(string name)
    {
        LayerNormCase c = new(ConformanceCase.Find(s_suite, name));
        LayerNorm layer = NormRun.LayerNorm(c.NormalizedShape, c.Epsilon, c.WithGamma ? c.Gamma : null, c.WithBeta ? c.Beta : null);
        NormRun run = NormRun.Of(layer, c.X, c.Shape, c.Dy);

        NormTolerances allowed = c.Tolerances(share: 1);
        Compare.Within(c.Case.Output("y"), run.Y, allowed.Y, "y");
        Compare.Within(c.Case.Output("dx"), run.Dx, allowed.Dx, "dx");
        if (c.WithGamma)
        {
            Compare.Within(c.Case.Output("dgamma"), layer.Gamma!.Gradient, allowed.DGamma, "dgamma");
        }

        if (c.WithBeta)
        {
            Compare.Within(c.Case.Output("dbeta"), layer.Beta!.Gradient, allowed.DBeta, "dbeta");
        }
    }

    private sealed class BatchNormCase
    {
        public BatchNormCase(ConformanceCase source)
        {
            Case = source;
            Mode = source.Text("mode");
            Shape = new Shape(source.InputShape("x"));
            Gamma = source.InputOr("gamma", Channels, 1);
            Beta = source.InputOr("beta", Channels, 0);
            Given = Mode == "eval" ? (source.Input("running_mean"), source.Input("running_var")) : null;
        }

        public ConformanceCase Case { get; }

        public string Mode { get; }

        public Shape Shape { get; }

        public int Channels => Shape[1];

        public int Length => Shape.Length / (Shape[0] * Channels);

        public double ValuesPerChannel => X.Length / Channels;

        public double[] X => Case.Input("x");

        public double[] Dy => Case.Input("dy");

        public double[] Gamma { get; }

        public double[] Beta { get; }

        public bool Affine => Case.HasInput("gamma");

        public double Epsilon => Case.Number("eps");

        public double NewWeight => Case.Number("momentum");

        public (double[] Mean, double[] Variance)? Given { get; }

        public NormTolerances Tolerances(double share) => Tolerance.BatchNorm(X, Dy, Length, Gamma, Beta, Epsilon, Given, share);

        public (double[] Mean, double[] Variance) RunningTolerances()
        {
            (double[] mean, double[] variance) = BatchNormReference.Statistics(X, Channels, Length);
            double unbiased = ValuesPerChannel / (ValuesPerChannel - 1);
            return (
                Tolerance.Running(Case.Input("running_mean"), mean, NewWeight),
                Tolerance.Running(Case.Input("running_var"), Array.ConvertAll(variance, v => v * unbiased), NewWeight));
        }
    }

    private sealed class LayerNormCase(ConformanceCase source)
    {
        public ConformanceCase Case => source;

        public Shape Shape { get; } = new(source.InputShape("x"));

        public Shape NormalizedShape { get; } = new(source.Dimensions("normalized_shape"));

        public int Features => NormalizedShape.Length;

        public double[] X => Case.Input("x");

        public double[] Dy => Case.Input("dy");

        public double[] Gamma => Case.InputOr("gamma", Features, 1);

        public double[] Beta => Case.InputOr("beta", Features, 0);

        public bool WithGamma => Case.HasInput("gamma");

        public bool WithBeta => Case.HasInput("beta");

        public double Epsilon => Case.Number("eps");

        public NormTolerances Tolerances(double share) => Tolerance.LayerNorm(X, Dy, Gamma, Beta, Epsilon, share);
    }
}
