using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Checks;

/// <summary>The float kernels, called as the layers call them, with buffers full of NaN.</summary>
internal sealed class KernelSubject(Family family) : ISubject
{
    public Family Family => family;

    public Outcome Run(Problem problem) => family == Family.LayerNorm ? RunLayerNorm(problem) : RunBatchNorm(problem);

    private static Outcome RunLayerNorm(Problem p)
    {
        (float[] y, float[] dx, float[] dGamma, float[] dBeta) = Buffers(p);
        double[] mean = DirtyDoubles(p.Rows);
        double[] remainder = DirtyDoubles(p.Rows);
        double[] rstd = DirtyDoubles(p.Rows);
        LayerNormKernel.Forward(p.InPlace ? y : p.X, p.Gamma, p.Beta, p.Epsilon, p.Channels, y, mean, remainder, rstd);
        LayerNormKernel.Backward(
            p.X,
            p.InPlace ? dx : p.Dy,
            p.Gamma,
            new SetStatistics(mean, remainder, rstd),
            p.Channels,
            p.WantsDx ? dx : [],
            dGamma,
            dBeta,
            DirtyDoubles(LayerNormKernel.WorkspaceLength(p.X.Length / p.Channels, p.Channels)));
        return Outcome(p, y, dx, dGamma, dBeta) with { Mean = mean, Rstd = rstd };
    }

    private static Outcome RunBatchNorm(Problem p)
    {
        (float[] y, float[] dx, float[] dGamma, float[] dBeta) = Buffers(p);
        float[] runningMean = [.. p.RunningMean];
        float[] runningVariance = [.. p.RunningVariance];
        double[] mean = Compare.Widen(runningMean);
        double[] remainder = p.Training ? DirtyDoubles(p.Channels) : [];
        double[] variance = Compare.Widen(runningVariance);
        double[] rstd = DirtyDoubles(p.Channels);
        double[] workspace = DirtyDoubles(BatchNormKernel.WorkspaceLength(p.X.Length, p.Channels, p.Length));
        ReadOnlySpan<float> x = p.InPlace ? y : p.X;
        if (p.Training)
        {
            BatchNormKernel.Statistics(x, p.Length, mean, remainder, variance, workspace);
            BatchNormKernel.UpdateRunning(
                mean, variance, p.SetSize(Family.BatchNorm), p.Momentum.WeightOfBatch(p.Batch), acceptNonFinite: false, runningMean, runningVariance);
        }

        BatchNormKernel.Normalize(x, p.Length, mean, remainder, variance, p.Gamma, p.Beta, p.Epsilon, rstd, y, workspace);
        BatchNormKernel.Backward(
            p.X,
            p.InPlace ? dx : p.Dy,
            p.Length,
            new SetStatistics(mean, remainder, rstd),
            p.Gamma,
            p.Training,
            p.WantsDx ? dx : [],
            dGamma,
            dBeta,
            workspace);
        return Outcome(p, y, dx, dGamma, dBeta) with
        {
            Mean = mean,
            Rstd = rstd,
            RunningMean = Compare.Widen(runningMean),
            RunningVariance = Compare.Widen(runningVariance),
        };
    }

    private static (float[] Y, float[] Dx, float[] DGamma, float[] DBeta) Buffers(Problem p) => (
        p.InPlace ? [.. p.X] : Problem.Dirty(p.X.Length),
        p.InPlace ? [.. p.Dy] : Problem.Dirty(p.X.Length),
        p.WantsParameterGradients ? [.. p.EarlierDGamma] : [],
        p.WantsParameterGradients ? [.. p.EarlierDBeta] : []);

    private static Outcome Outcome(Problem p, float[] y, float[] dx, float[] dGamma, float[] dBeta) => new()
    {
        Y = Compare.Widen(y),
        Dx = p.WantsDx ? Compare.Widen(dx) : null,
        DGamma = p.WantsParameterGradients ? Compare.Widen(dGamma) : null,
        DBeta = p.WantsParameterGradients ? Compare.Widen(dBeta) : null,
    };

    private static double[] DirtyDoubles(int length) => Compare.Widen(Problem.Dirty(length));
}
