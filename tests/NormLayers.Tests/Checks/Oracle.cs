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

/// <summary>What a problem must come to: the references' result in double and how far a float result may be from it.</summary>
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

    /// <summary>x̂, without a bound: no pass writes it.</summary>
    public required double[] XHat { get; init; }

    /// <summary>The index set of each element: its row or its channel.</summary>
    public required int[] SetOf { get; init; }

    public IEnumerable<(string Name, Bounded? Expected)> All =>
    [
        ("y", Y), ("dx", Dx), ("dGamma", DGamma), ("dBeta", DBeta), ("mean", Mean), ("rstd", Rstd),
        ("runningMean", RunningMean), ("runningVariance", RunningVariance),
    ];

    public static Oracle Of(Family family, Problem p)
    {
        int[] channelOf = [.. Enumerable.Range(0, p.X.Length).Select(i => i / p.Length % p.Channels)];
        int[] setOf = family == Family.LayerNorm ? [.. channelOf.Select((_, i) => i / p.Channels)] : channelOf;
        bool throughStatistics = family == Family.LayerNorm || p.Training;

        // The results do not change when a set is shifted, and the difference of two floats of like size is exact: so the
        // references' own mean is rounded at the size of the spread, not of the offset.
        double[] pivot = new double[setOf[^1] + 1];
        double[] x = new double[p.X.Length];
        for (int i = x.Length - 1; i >= 0 && throughStatistics; i--)
        {
            pivot[setOf[i]] = float.IsFinite(p.X[i]) ? p.X[i] : 0;
        }

        for (int i = 0; i < x.Length; i++)
        {
            x[i] = p.X[i] - pivot[setOf[i]];
        }

        double[] dy = Compare.Widen(p.Dy);
        double[] gamma = p.Gamma.Length > 0 ? Compare.Widen(p.Gamma) : [.. Enumerable.Repeat(1.0, p.Channels)];
        double[] beta = p.Beta.Length > 0 ? Compare.Widen(p.Beta) : new double[p.Channels];
        double[] dGamma = Compare.Widen(p.EarlierDGamma);
        double[] dBeta = Compare.Widen(p.EarlierDBeta);
        (double[] y, double[] dx, double[] shiftedMean, double[] variance, double[] rstd) = family == Family.LayerNorm
            ? SolveLayerNorm(p, x, dy, gamma, beta, dGamma, dBeta)
            : SolveBatchNorm(p, x, dy, gamma, beta, dGamma, dBeta);
        double[] mean = [.. shiftedMean.Select((v, k) => v + pivot[k])];
        double[] xHat = [.. x.Select((v, i) => (v - shiftedMean[setOf[i]]) * rstd[setOf[i]])];
        double[] g = [.. dy.Select((v, i) => gamma[channelOf[i]] * v)];
        int m = p.SetSize(family);
        double[] meanG = SumBy(setOf, mean.Length, i => g[i] / m);
        double[] meanGXHat = SumBy(setOf, mean.Length, i => g[i] * xHat[i] / m);

        Oracle oracle = new()
        {
            XHat = xHat,
            SetOf = setOf,
            Y = Bound(
                y,
                Outputs,
                i => Math.Max(Math.Abs(gamma[channelOf[i]] * xHat[i]), Math.Abs(beta[channelOf[i]]))),
            Dx = Bound(
                dx,
                Outputs,
                i => rstd[setOf[i]] * (throughStatistics
                    ? Math.Max(Math.Abs(g[i]), Math.Max(Math.Abs(meanG[setOf[i]]), Math.Abs(xHat[i] * meanGXHat[setOf[i]])))
                    : Math.Abs(g[i]))),
            DGamma = Bound(dGamma, Sums, LargestBy(channelOf, p.EarlierDGamma, i => dy[i] * xHat[i])),
            DBeta = Bound(dBeta, Sums, LargestBy(channelOf, p.EarlierDBeta, i => dy[i])),
            Mean = Bound(mean, Sums, LargestBy(setOf, new float[mean.Length], i => (double)p.X[i] / m)),
            Rstd = Bound(rstd, Sums, _ => 0),
        };
        return family == Family.LayerNorm ? oracle : oracle.WithRunning(p, mean, variance, m);
    }

    private static (double[] Y, double[] Dx, double[] Mean, double[] Variance, double[] Rstd) SolveLayerNorm(
        Problem p, double[] x, double[] dy, double[] gamma, double[] beta, double[] dGamma, double[] dBeta)
    {
        (double[] y, double[] mean, double[] rstd) = LayerNormReference.Forward(x, gamma, beta, p.Epsilon);
        return (y, LayerNormReference.Backward(x, dy, gamma, mean, rstd, dGamma, dBeta), mean, [], rstd);
    }

    private static (double[] Y, double[] Dx, double[] Mean, double[] Variance, double[] Rstd) SolveBatchNorm(
        Problem p, double[] x, double[] dy, double[] gamma, double[] beta, double[] dGamma, double[] dBeta)
    {
        (double[] mean, double[] variance) = p.Training
            ? BatchNormReference.Statistics(x, p.Channels, p.Length)
            : (Compare.Widen(p.RunningMean), Compare.Widen(p.RunningVariance));
        (double[] y, double[] rstd) = BatchNormReference.Normalize(x, p.Length, mean, variance, gamma, beta, p.Epsilon);
        return (y, BatchNormReference.Backward(x, dy, p.Length, mean, rstd, gamma, p.Training, dGamma, dBeta), mean, variance, rstd);
    }

    private Oracle WithRunning(Problem p, double[] mean, double[] variance, int m)
    {
        double[] runningMean = Compare.Widen(p.RunningMean);
        double[] runningVariance = Compare.Widen(p.RunningVariance);
        double weight = p.Training ? p.Momentum.WeightOfBatch(p.Batch) : 0;
        if (p.Training)
        {
            BatchNormReference.UpdateRunning(mean, variance, m, weight, runningMean, runningVariance);
            for (int c = 0; c < p.Channels; c++)
            {
                // The default policy: a channel whose batch statistics do not fit a float leaves the running ones as they were.
                if (!float.IsFinite((float)mean[c]) || !float.IsFinite((float)(variance[c] * m / (m - 1))))
                {
                    (runningMean[c], runningVariance[c]) = (p.RunningMean[c], p.RunningVariance[c]);
                }
            }
        }

        return this with
        {
            RunningMean = Bound(runningMean, Sums, c => Math.Max(Math.Abs((1 - weight) * p.RunningMean[c]), Finite(weight * mean[c]))),
            RunningVariance = Bound(runningVariance, Sums, _ => 0),
        };
    }

    private static double Finite(double term) => double.IsFinite(term) ? Math.Abs(term) : 0;

    private static Bounded Bound(double[] exact, double ulps, Func<int, double> largestTerm) => new(
        exact,
        [.. exact.Select((v, i) => Tolerance.Ulp(Math.Max(Math.Abs(v), largestTerm(i))))],
        ulps);

    private static double[] SumBy(int[] group, int groups, Func<int, double> term)
    {
        double[] sums = new double[groups];
        for (int i = 0; i < group.Length; i++)
        {
            sums[group[i]] += term(i);
        }

        return sums;
    }

    private static Func<int, double> LargestBy(int[] group, float[] earlier, Func<int, double> term)
    {
        double[] largest = Array.ConvertAll(earlier, v => (double)Math.Abs(v));
        for (int i = 0; i < group.Length; i++)
        {
            largest[group[i]] = Math.Max(largest[group[i]], Math.Abs(term(i)));
        }

        return c => largest[c];
    }
}
