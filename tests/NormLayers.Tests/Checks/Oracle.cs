using NormLayers.Tests.Support;

namespace NormLayers.Tests.Checks;

/// <summary>Exact values with u for each: one float ulp of the larger of the value and the largest term of its last sum.</summary>
/// <param name="Exact">The values in double.</param>
/// <param name="U">u of each.</param>
/// <param name="Ulps">How many u a float result may be off.</param>
internal sealed record Bounded(double[] Exact, double[] U, double Ulps)
{
    public double Allowed(int i) => Ulps * U[i];
}

/// <summary>What a problem must come to: the result of the reference in double and how far a float result may be from it.</summary>
/// <remarks>The bounds: y and dx within 4u, dGamma, dBeta and statistics within 2u.</remarks>
internal sealed record Oracle
{
    private const double Outputs = 4;
    private const double Sums = 2;

    public required Bounded Y { get; init; }

    public required Bounded Dx { get; init; }

    public required Bounded DGamma { get; init; }

    public required Bounded DBeta { get; init; }

    public required Bounded Mean { get; init; }

    public required Bounded Rstd { get; init; }

    public Bounded? RunningMean { get; init; }

    public Bounded? RunningVariance { get; init; }

    /// <summary>The reference's passes on x shifted by set, from which all exact values come.</summary>
    public required Solution Solution { get; init; }

    /// <summary>x̂, without a bound: no pass writes it.</summary>
    public double[] XHat => Solution.Norm.XHat;

    /// <summary>The index set of each element.</summary>
    public int[] SetOf => Solution.SetOf;

    public IEnumerable<(string Name, Bounded? Expected)> All =>
    [
        ("y", Y), ("dx", Dx), ("dGamma", DGamma), ("dBeta", DBeta), ("mean", Mean), ("rstd", Rstd),
        ("runningMean", RunningMean), ("runningVariance", RunningVariance),
    ];

    public static Oracle Of(Family family, Problem p)
    {
        bool fromX = p.Training || !family.HasRunningStatistics;
        int[][] sets = Array.ConvertAll(family.Sets.Of(p.Shape), S => Array.FindAll(S, i => p.Mask?[i] ?? true));

        // The results do not change when a set is shifted, and the difference of two floats of like size is exact: so the
        // reference's own mean is rounded at the size of the spread, not of the offset.
        double[] pivot = new double[sets.Length];
        double[] x = Compare.Widen(p.X);
        for (int s = 0; s < sets.Length && fromX && family.Statistic == Statistic.MeanAndVariance; s++)
        {
            pivot[s] = sets[s].Select(i => x[i]).FirstOrDefault(double.IsFinite);
            foreach (int i in sets[s])
            {
                x[i] -= pivot[s];
            }
        }

        double[] gamma = p.Gamma.Length > 0 ? Compare.Widen(p.Gamma) : [.. Enumerable.Repeat(family.NeutralGamma, p.Channels)];
        double[] beta = p.Beta.Length > 0 ? Compare.Widen(p.Beta) : new double[p.Channels];
        NormReference norm = family.Reference(
            p.Epsilon, gamma, beta, fromX ? null : (Compare.Widen(p.RunningMean), Compare.Widen(p.RunningVariance)), p.Mask);
        Compare.Widen(p.EarlierDGamma).CopyTo(norm.DGamma!, 0);
        Compare.Widen(p.EarlierDBeta).CopyTo(norm.DBeta!, 0);
        Solution solution = Solution.Of(family, norm, x, p.Shape, Compare.Widen(p.Dy));
        double[] mean = [.. norm.Mean.Zip(pivot, (shifted, by) => shifted + by)];
        double[] meanTerms = Array.ConvertAll(sets, S => S.Select(i => Math.Abs((double)p.X[i] / S.Length)).DefaultIfEmpty().Max());
        Oracle oracle = new()
        {
            Solution = solution,
            Y = Bound(solution.Y, Outputs),
            Dx = Bound(solution.Dx, Outputs),
            DGamma = Bound(solution.DGamma!, Sums),
            DBeta = Bound(solution.DBeta!, Sums),
            Mean = Bound(mean, meanTerms, Sums),
            Rstd = Bound(norm.Rstd, norm.Rstd, Sums),
        };
        return family.HasRunningStatistics ? oracle.WithRunning(p, mean, norm.Variance, sets) : oracle;
    }

    private Oracle WithRunning(Problem p, double[] mean, double[] variance, int[][] sets)
    {
        double[] runningMean = Compare.Widen(p.RunningMean);
        double[] runningVariance = Compare.Widen(p.RunningVariance);
        double weight = p.Training ? p.Momentum.WeightOfBatch(p.Batch) : 0;
        for (int c = 0; c < p.Channels && p.Training; c++)
        {
            // The default policy: a channel with fewer than two elements, or whose batch statistics do not fit a float, leaves the running ones as they were.
            double m = sets[c].Length;
            if (m > 1 && float.IsFinite((float)mean[c]) && float.IsFinite((float)(variance[c] * m / (m - 1))))
            {
                (double[] ofMean, double[] ofVariance) = ([runningMean[c]], [runningVariance[c]]);
                BatchNormReference.UpdateRunning([mean[c]], [variance[c]], m, weight, ofMean, ofVariance);
                (runningMean[c], runningVariance[c]) = (ofMean[0], ofVariance[0]);
            }
        }

        double[] meanTerms = [.. runningMean.Select((_, c) => Math.Max(Math.Abs((1 - weight) * p.RunningMean[c]), Finite(weight * mean[c])))];
        return this with
        {
            RunningMean = Bound(runningMean, meanTerms, Sums),
            RunningVariance = Bound(runningVariance, runningVariance, Sums),
        };
    }

    private static double Finite(double term) => double.IsFinite(term) ? Math.Abs(term) : 0;

    private static Bounded Bound(Solution.Result result, double ulps) => Bound(result.Exact, result.Magnitude, ulps);

    private static Bounded Bound(double[] exact, double[] largestTerm, double ulps) => new(
        exact,
        [.. exact.Zip(largestTerm, (v, term) => Tolerance.Ulp(Math.Max(Math.Abs(v), Math.Abs(term))))],
        ulps);
}
