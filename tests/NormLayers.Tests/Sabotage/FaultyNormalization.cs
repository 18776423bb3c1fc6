using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Sabotage;

/// <summary>Batch and layer normalization as plain loops in double over one index set after the other, with one fault built in.</summary>
internal sealed class FaultyNormalization(Family family, Fault fault) : ISubject
{
    private (double[] Mean, double[] Rstd)? _previous;

    public Family Family => family;

    public Outcome Run(Problem p)
    {
        int[][] sets = IndexSets(p, family);
        int m = sets[0].Length;
        bool training = p.Training || family == Family.LayerNorm;
        double[] mean = Array.ConvertAll(sets, s => Mean(p, s));
        double[] variance = [.. sets.Select((s, k) => Variance(p, s, mean[k]))];
        (double[] runningMean, double[] runningVariance) = p.Training || fault == Fault.StatisticsUpdatedInEvaluation
            ? Follow(p, mean, variance, m)
            : (Compare.Widen(p.RunningMean), Compare.Widen(p.RunningVariance));
        if (!training && fault != Fault.EvaluationUsesBatchStatistics)
        {
            (mean, variance) = (Compare.Widen(p.RunningMean), Compare.Widen(p.RunningVariance));
        }

        if (fault == Fault.UnbiasedVariance && training)
        {
            variance = Array.ConvertAll(variance, v => v * m / (m - 1));
        }

        if (fault == Fault.MeanOverWrongAxis)
        {
            double[] other = Array.ConvertAll(IndexSets(p, family == Family.LayerNorm ? Family.BatchNorm : Family.LayerNorm), s => Mean(p, s));
            mean = [.. mean.Select((_, k) => other[k % other.Length])];
        }

        double[] rstd = Array.ConvertAll(variance, v => Rstd(v, p.Epsilon));
        double[] y = Forward(p, sets, mean, rstd);
        if (fault == Fault.StaleCache)
        {
            (double[] Mean, double[] Rstd) own = (mean, rstd);
            (mean, rstd) = _previous is { } stale && stale.Mean.Length == mean.Length ? stale : own;
            _previous = own;
        }

        (double[] dx, double[] dGamma, double[] dBeta) = Backward(
            p, sets, mean, rstd, throughStatistics: training || fault == Fault.EvaluationGradientThroughStatistics);
        return new Outcome
        {
            Y = Round(y),
            Dx = p.WantsDx ? Round(dx) : null,
            DGamma = p.WantsParameterGradients ? Round(dGamma) : null,
            DBeta = p.WantsParameterGradients ? Round(dBeta) : null,
            RunningMean = family == Family.BatchNorm ? runningMean : null,
            RunningVariance = family == Family.BatchNorm ? runningVariance : null,
        };
    }

    private static double[] Round(double[] values) => Array.ConvertAll(values, v => (double)(float)v);

    private static int Channel(Problem p, int i) => i / p.Length % p.Channels;

    private static double Gamma(Problem p, int i) => p.Gamma.Length == 0 ? 1 : p.Gamma[Channel(p, i)];

    private static double Beta(Problem p, int i) => p.Beta.Length == 0 ? 0 : p.Beta[Channel(p, i)];

    private int[][] IndexSets(Problem p, Family over)
    {
        Func<int, int> set = over == Family.LayerNorm ? i => i / p.Channels
            : fault == Fault.LengthTakenForBatch ? i => i % p.Channels
            : i => Channel(p, i);
        return [.. Enumerable.Range(0, p.X.Length).GroupBy(set).OrderBy(g => g.Key).Select(g => g.ToArray())];
    }

    private double Value(Problem p, int i) => fault == Fault.NaNSwallowed && !float.IsFinite(p.X[i]) ? 0 : p.X[i];

    private double Mean(Problem p, int[] set) =>
        set.Take(fault == Fault.TailForgotten ? set.Length / 8 * 8 : set.Length).Sum(i => Value(p, i)) / set.Length;

    private double Variance(Problem p, int[] set, double mean) => fault == Fault.OnePassVariance
        ? Math.Max(0, set.Sum(i => Value(p, i) * Value(p, i)) / set.Length - mean * mean)
        : set.Sum(i => (Value(p, i) - mean) * (Value(p, i) - mean)) / set.Length;

    private double Rstd(double variance, double epsilon) =>
        variance + epsilon == 0 && fault != Fault.ZeroVarianceUnguarded ? 0
        : fault == Fault.EpsilonOutsideRoot ? 1 / (Math.Sqrt(variance) + epsilon)
        : 1 / Math.Sqrt(variance + epsilon);

    private (double[] Mean, double[] Variance) Follow(Problem p, double[] mean, double[] variance, int m)
    {
        double weight = p.Momentum.WeightOfBatch(p.Batch);
        weight = fault == Fault.MomentumSwapped ? 1 - weight : weight;
        double correction = fault == Fault.RunningVarianceBiased ? 1 : m / (m - 1.0);
        (double[] runningMean, double[] runningVariance) = (Compare.Widen(p.RunningMean), Compare.Widen(p.RunningVariance));
        for (int c = 0; family == Family.BatchNorm && c < mean.Length; c++)
        {
            double tracked = variance[c] * correction;
            if (float.IsFinite((float)mean[c]) && float.IsFinite((float)tracked))
            {
                runningMean[c] = (float)((1 - weight) * runningMean[c] + weight * mean[c]);
                runningVariance[c] = (float)((1 - weight) * runningVariance[c] + weight * tracked);
            }
        }

        return (runningMean, runningVariance);
    }

    private double[] Forward(Problem p, int[][] sets, double[] mean, double[] rstd)
    {
        double[] y = new double[p.X.Length];
        for (int k = 0; k < sets.Length; k++)
        {
            foreach (int i in sets[k])
            {
                double scale = Gamma(p, i) * rstd[k];
                bool oddRow = i / (p.Channels * p.Length) % 2 == 1;
                double right = Gamma(p, i) * ((Value(p, i) - mean[k]) * rstd[k]) + Beta(p, i);
                y[i] = fault switch
                {
                    Fault.ScaleShiftForm => Value(p, i) * (float)scale + (float)(Beta(p, i) - mean[k] * (float)scale),
                    Fault.BetaMissing => right - Beta(p, i),
                    Fault.RowPositionMatters when oddRow => float.BitIncrement((float)right),
                    _ => right,
                };
            }
        }

        return y;
    }

    private (double[] Dx, double[] DGamma, double[] DBeta) Backward(Problem p, int[][] sets, double[] mean, double[] rstd, bool throughStatistics)
    {
        bool assign = fault == Fault.ParameterGradientsAssigned;
        double[] dGamma = assign ? new double[p.Channels] : Compare.Widen(p.EarlierDGamma);
        double[] dBeta = assign ? new double[p.Channels] : Compare.Widen(p.EarlierDBeta);
        double[] dx = Compare.Widen(p.InPlace ? p.Dy : Problem.Dirty(p.X.Length));
        double[] dy = p.InPlace ? dx : Compare.Widen(p.Dy);
        if (fault is Fault.OutputClearedFirst or Fault.ZeroGradients)
        {
            Array.Clear(dx);
        }

        for (int k = 0; k < sets.Length && fault != Fault.ZeroGradients; k++)
        {
            double m = sets[k].Length;
            double XHat(int i) => (Value(p, i) - mean[k]) * rstd[k];
            double G(int i) => dy[i] * fault switch
            {
                Fault.GammaMissingInDx => 1,
                Fault.GammaTwiceInDx => Gamma(p, i) * Gamma(p, i),
                _ => Gamma(p, i),
            };
            bool needsSums = throughStatistics && (fault != Fault.GradientNeededForDx || p.WantsParameterGradients);
            double meanG = needsSums && fault != Fault.B3Dropped ? sets[k].Sum(G) / m : 0;
            double meanGXHat = needsSums && fault != Fault.B4Dropped ? sets[k].Sum(i => G(i) * XHat(i)) / m : 0;
            foreach (int i in sets[k])
            {
                dBeta[Channel(p, i)] += dy[i];
                dGamma[Channel(p, i)] += dy[i] * (fault == Fault.DGammaNotCentred ? Value(p, i) * rstd[k] : XHat(i));
                double value = (fault == Fault.RstdForgotten ? 1 : rstd[k]) * (G(i) - meanG - XHat(i) * meanGXHat);
                dx[i] = fault == Fault.InputGradientAdded ? dx[i] + value : value;
            }
        }

        return (dx, dGamma, dBeta);
    }
}
