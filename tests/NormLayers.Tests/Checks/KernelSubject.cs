using NormLayers.Normalization;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Checks;

/// <summary>The float kernels, called as the layers call them, with buffers full of NaN.</summary>
internal sealed class KernelSubject(Family family) : ISubject
{
    public Family Family => family;

    public Outcome Run(Problem problem) =>
        family.GroupsOf is { } groups ? RunGroupNorm(problem, groups(problem.Channels))
        : family.HasRunningStatistics ? RunBatchNorm(problem)
        : family.Statistic == Statistic.MeanAndVariance ? RunRows<MeanAndVariance>(problem)
        : RunRows<RootMeanSquare>(problem);

    private Outcome RunRows<S>(Problem p)
        where S : struct, IStatistic
    {
        Epsilon epsilon = new(p.Epsilon, family.EpsilonOutsideRoot);
        (float[] y, float[] dx, float[] dGamma, float[] dBeta) = Buffers(p);
        double[] mean = DirtyDoubles(p.Rows);
        double[] rstd = DirtyDoubles(p.Rows);
        SetStatistics statistics = new(mean, DirtyDoubles(p.Rows), rstd);
        RowTensors tensors = new() { X = p.InPlace ? y : p.X, Y = y, Features = p.Channels, Gamma = p.Gamma, Beta = p.Beta };
        RowNorm.Forward<S>(tensors, epsilon, statistics);
        RowNorm.Backward<S>(
            new() { X = p.X, Features = p.Channels, Gamma = p.Gamma },
            epsilon,
            statistics,
            new() { Dy = p.InPlace ? dx : p.Dy, Dx = p.WantsDx ? dx : [], DGamma = dGamma, DBeta = dBeta },
            DirtyDoubles((int)RowNorm.WorkspaceLength(p.X.Length / p.Channels, p.Channels)));
        Outcome outcome = Outcome(p, y, dx, dGamma, dBeta) with { Mean = mean, Rstd = rstd };
        return family.Statistic == Statistic.MeanAndVariance ? outcome : outcome with { DBeta = null }; // Without a mean there are no sums for dβ.
    }

    private static Outcome RunGroupNorm(Problem p, int perSample)
    {
        (float[] y, float[] dx, float[] dGamma, float[] dBeta) = Buffers(p);
        Groups groups = new(p.Shape, perSample);
        double[] mean = DirtyDoubles(groups.Sets);
        double[] rstd = DirtyDoubles(groups.Sets);
        SetStatistics statistics = new(mean, DirtyDoubles(groups.Sets), rstd);
        double[] workspace = DirtyDoubles((int)GroupedNorm.WorkspaceLength(groups));
        GroupTensors tensors = new() { Groups = groups, X = p.InPlace ? y : p.X, Y = y, Gamma = p.Gamma, Beta = p.Beta };
        GroupedNorm.Forward(tensors, new Epsilon(p.Epsilon), statistics, DirtyDoubles(groups.Sets), workspace);
        GroupedNorm.Backward(
            new() { Groups = groups, X = p.X, Gamma = p.Gamma },
            statistics,
            new() { Dy = p.InPlace ? dx : p.Dy, Dx = p.WantsDx ? dx : [], DGamma = dGamma, DBeta = dBeta },
            workspace);
        return Outcome(p, y, dx, dGamma, dBeta) with { Mean = mean, Rstd = rstd };
    }

    private static Outcome RunBatchNorm(Problem p)
    {
        (float[] y, float[] dx, float[] dGamma, float[] dBeta) = Buffers(p);
        float[] runningMean = [.. p.RunningMean];
        float[] runningVariance = [.. p.RunningVariance];
        double[] mean = Compare.Widen(runningMean);
        double[] variance = Compare.Widen(runningVariance);
        double[] rstd = DirtyDoubles(p.Channels);
        SetStatistics statistics = new(mean, p.Training ? DirtyDoubles(p.Channels) : [], rstd);
        Planes planes = new(p.X.Length / (p.Channels * p.Length), p.Channels, p.Length);
        double[] workspace = DirtyDoubles((int)ChannelNorm.WorkspaceLength(planes));
        ReadOnlySpan<float> x = p.InPlace ? y : p.X;
        if (p.Training)
        {
            ChannelNorm.Statistics(x, planes, statistics, variance, workspace);
            double m = p.SetSize(Family.BatchNorm);
            ChannelNorm.UpdateRunning(mean, variance, (p.Momentum.WeightOfBatch(p.Batch), m / (m - 1)), acceptNonFinite: false, runningMean, runningVariance);
        }

        ChannelSets sets = new()
        {
            Statistics = statistics,
            AreConstant = !p.Training,
            Gamma = p.Gamma,
            Beta = p.Beta,
            Variance = variance,
            Epsilon = new Epsilon(p.Epsilon),
        };
        ChannelPass<No> pass = new() { Sets = sets, X = x, Result = y };
        ChannelNorm.Normalize(ref pass, in planes, workspace);
        Gradients gradients = new() { Dy = p.InPlace ? dx : p.Dy, Dx = p.WantsDx ? dx : [], DGamma = dGamma, DBeta = dBeta };
        ChannelNorm.Backward(p.X, planes, sets, gradients, workspace);
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
