using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Sabotage;

/// <summary>A normalization built from the references, rounded to float, with a fault or without one.</summary>
internal sealed class ReferenceSubject : ISubject
{
    private readonly Fault _fault;
    private readonly ReferenceSource _source;

    public ReferenceSubject(Family family, Fault? fault = null)
    {
        Family = family;
        _fault = fault ?? new Fault("none");
        _source = _fault.Edits.Length == 0 ? ReferenceSource.Right : ReferenceSource.Edited(_fault);
    }

    public Family Family { get; }

    public Outcome Run(Problem problem)
    {
        Problem p = _fault.With(problem);
        Family family = _fault.As(Family, p);
        ReferenceSource source = _fault.When(p) ? _source : ReferenceSource.Right;
        double[] runningMean = Compare.Widen(p.RunningMean);
        double[] runningVariance = Compare.Widen(p.RunningVariance);
        NormReference settings = family.Reference(
            p.Epsilon,
            p.Gamma.Length > 0 ? Compare.Widen(p.Gamma) : [.. Enumerable.Repeat(Family.NeutralGamma, p.Channels)],
            p.Beta.Length > 0 ? Compare.Widen(p.Beta) : new double[p.Channels],
            Family.HasRunningStatistics && !p.Training ? (runningMean, runningVariance) : null,
            p.Mask);
        ReferenceLayer reference = source.Create(settings, family.Sets, family.Parameters);
        Compare.Widen(p.EarlierDGamma).CopyTo(reference.Parameters[0].Gradient, 0);
        Compare.Widen(p.EarlierDBeta).CopyTo(reference.Parameters[1].Gradient, 0);
        double[] y = reference.Forward(Compare.Widen(p.X), p.Shape);
        double[] dx = reference.Backward(Compare.Widen(p.Dy));
        if (Family.HasRunningStatistics && _fault.Updates(p))
        {
            (double[] mean, double[] variance) = source.StatisticsOf(reference);
            (runningMean, runningVariance) = Follow(p, source, mean, variance, runningMean, runningVariance);
        }

        return new Outcome
        {
            Y = Round(y),
            Dx = p.WantsDx ? Round(dx) : null,
            DGamma = p.WantsParameterGradients ? Round(reference.Parameters[0].Gradient) : null,
            DBeta = p.WantsParameterGradients ? Round(reference.Parameters[1].Gradient) : null,
            RunningMean = Family.HasRunningStatistics ? Round(runningMean) : null,
            RunningVariance = Family.HasRunningStatistics ? Round(runningVariance) : null,
        };
    }

    // A channel whose statistics do not fit a float, or that has no two elements, is left as it was.
    private (double[] Mean, double[] Variance) Follow(
        Problem p, ReferenceSource source, double[] mean, double[] variance, double[] runningMean, double[] runningVariance)
    {
        (double[] followedMean, double[] followedVariance) = ([.. runningMean], [.. runningVariance]);
        int[][] sets = Family.Sets.Of(p.Shape);
        for (int c = 0; c < mean.Length; c++)
        {
            double m = sets[c].Count(i => p.Mask?[i] ?? true);
            (double[] ofMean, double[] ofVariance) = ([runningMean[c]], [runningVariance[c]]);
            if (m > 1)
            {
                source.UpdateRunning([mean[c]], [variance[c]], m, p.Momentum.WeightOfBatch(p.Batch), ofMean, ofVariance);
            }

            if (float.IsFinite((float)mean[c]) && float.IsFinite((float)ofVariance[0]))
            {
                (followedMean[c], followedVariance[c]) = (ofMean[0], ofVariance[0]);
            }
        }

        return (followedMean, followedVariance);
    }

    private static double[] Round(double[] values) => Array.ConvertAll(values, v => (double)(float)v);
}
