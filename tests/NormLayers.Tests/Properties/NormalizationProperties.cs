using CsCheck;
using NormLayers.Tests.Checks;
using Check = NormLayers.Tests.Checks.Check;

namespace NormLayers.Tests.Properties;

/// <summary>
/// What the mathematics says of every normalization, whatever the numbers. No property needs a tolerance of its own: each adds up
/// what the bounds of <see cref="Oracle"/> allow to the elements that take part.
/// </summary>
internal static class NormalizationProperties
{
    public static IReadOnlyList<Check> All { get; } =
    [
        new(nameof(InputGradient_OverASet_SumsToZero), InputGradient_OverASet_SumsToZero),
        new(nameof(InputGradient_AlongXHat_IsWhatEpsilonLeaves), InputGradient_AlongXHat_IsWhatEpsilonLeaves),
        new(nameof(InputGradient_SquaredNorm_IsTheTheoremsEquality), InputGradient_SquaredNorm_IsTheTheoremsEquality),
        new(nameof(Passes_ShiftedAndScaledInput_AreInvariant), Passes_ShiftedAndScaledInput_AreInvariant),
        new(nameof(Gradients_InDy_AreLinear), Gradients_InDy_AreLinear),
        new(nameof(Passes_RowsInAnotherOrder_FollowThem), Passes_RowsInAnotherOrder_FollowThem),
        new(nameof(Passes_PartOfTheBatch_GivesTheSameBits), Passes_PartOfTheBatch_GivesTheSameBits),
        new(nameof(Passes_Transposed_AreTheOtherNormalization), Passes_Transposed_AreTheOtherNormalization),
        new(nameof(BatchNorm_LengthMovedIntoRows_IsTheSame), BatchNorm_LengthMovedIntoRows_IsTheSame),
        new(nameof(BatchNorm_Evaluation_IsAffine), BatchNorm_Evaluation_IsAffine),
        new(nameof(BatchNorm_CumulativeMomentum_AveragesTheBatches), BatchNorm_CumulativeMomentum_AveragesTheBatches),
    ];

    // Adding a constant to a set changes nothing, so the gradient has no component along (1, …, 1).
    private static void InputGradient_OverASet_SumsToZero(ISubject subject) => Problems.Of(subject.Family).Hold(p =>
    {
        (Oracle oracle, Outcome outcome) = (Oracle.Of(subject.Family, p), subject.Run(p));
        foreach (int[] set in SetsOf(oracle))
        {
            if (Centres(subject))
            {
                Verify.Near("Σdx", 0, set.Sum(i => outcome.Dx![i]), set.Sum(oracle.Dx.Allowed));
            }
        }
    });

    // dx = r(g − ḡ − x̂·q) with q = mean of g·x̂. Since Σx̂ = 0 and Σx̂² = m·σ²/(σ²+ε) = m(1 − ε·r²),
    // Σdx·x̂ = r(m·q − q·m(1 − ε·r²)) = ε·r³·Σg·x̂: zero where ε is. With ε outside the root it is ε·r²·Σg·x̂.
    private static void InputGradient_AlongXHat_IsWhatEpsilonLeaves(ISubject subject) => Problems.Of(subject.Family).Hold(p =>
    {
        (Oracle oracle, Outcome outcome) = (Oracle.Of(subject.Family, p), subject.Run(p));
        foreach (int[] set in SetsOf(oracle))
        {
            double r = oracle.Rstd.Exact[oracle.SetOf[set[0]]];
            double expected = p.Epsilon * r * r * (subject.Family.EpsilonOutsideRoot ? 1 : r) * set.Sum(i => G(oracle, p, i) * oracle.XHat[i]);
            Verify.Near("Σdx·x̂", expected, set.Sum(i => outcome.Dx![i] * oracle.XHat[i]), set.Sum(i => oracle.Dx.Allowed(i) * Math.Abs(oracle.XHat[i])));
        }
    });

    // Santurkar, Tsipras, Ilyas, Madry 2018, Theorem 4.1, which is an equality with ε = 0 and g taken at the layer's output.
    private static void InputGradient_SquaredNorm_IsTheTheoremsEquality(ISubject subject) => Problems.Of(subject.Family, epsilon: 0).Hold(p =>
    {
        (Oracle oracle, Outcome outcome) = (Oracle.Of(subject.Family, p), subject.Run(p));
        foreach (int[] set in SetsOf(oracle))
        {
            double r = oracle.Rstd.Exact[oracle.SetOf[set[0]]];
            double sumG = Centres(subject) ? set.Sum(i => G(oracle, p, i)) : 0;
            double sumGXHat = set.Sum(i => G(oracle, p, i) * oracle.XHat[i]);
            double expected = r * r * (set.Sum(i => G(oracle, p, i) * G(oracle, p, i)) - sumG * sumG / set.Length - sumGXHat * sumGXHat / set.Length);
            double allowed = set.Sum(i => (2 * Math.Abs(oracle.Dx.Exact[i]) + oracle.Dx.Allowed(i)) * oracle.Dx.Allowed(i));
            Verify.Near("‖dx‖²", expected, set.Sum(i => outcome.Dx![i] * outcome.Dx[i]), allowed);
        }
    });

    // With ε = 0, x̂(a·x + b) = sign(a)·x̂(x); so the output is that of the scale sign(a)·γ, and dx is 1/a of its dx.
    private static void Passes_ShiftedAndScaledInput_AreInvariant(ISubject subject) => Gen.Select(
        Problems.Of(subject.Family, epsilon: 0), Gen.OneOf(-4f, -3f, -1f, -0.5f, 0.25f, 2f, 3f), Gen.Int[-40000, 40000]).Hold(t =>
    {
        (Problem p, float a, int b) = t;
        Problem moved = p with { X = Array.ConvertAll(p.X, x => a * x + (Centres(subject) ? b / 16f : 0)) };
        float one = subject.Family.OnePlusGamma ? 1 : 0;
        Problem signed = p with { Gamma = Array.ConvertAll(p.Gamma, v => Math.Sign(a) * (one + v) - one) };
        (Oracle movedOracle, Outcome movedOutcome) = (Oracle.Of(subject.Family, moved), subject.Run(moved));
        (Oracle signedOracle, Outcome signedOutcome) = (Oracle.Of(subject.Family, signed), subject.Run(signed));
        for (int i = 0; i < p.X.Length; i++)
        {
            Verify.Near($"y[{i}]", signedOutcome.Y[i], movedOutcome.Y[i], signedOracle.Y.Allowed(i) + movedOracle.Y.Allowed(i));
            Verify.Near(
                $"dx[{i}]",
                signedOutcome.Dx![i] / a,
                movedOutcome.Dx![i],
                signedOracle.Dx.Allowed(i) / Math.Abs(a) + movedOracle.Dx.Allowed(i));
        }
    });

    private static void Gradients_InDy_AreLinear(ISubject subject) => (
        from p in Problems.Of(subject.Family)
        from dy in Problems.Sixteenths(p.X.Length, 64)
        from s in Gen.Int[-3, 3]
        from t in Gen.Int[-3, 3]
        select (p, p with { Dy = dy }, s, t)).Hold(c =>
    {
        (Problem p, Problem q, int s, int t) = c;
        Problem sum = p with { Dy = [.. p.Dy.Zip(q.Dy, (a, b) => s * a + t * b)] };
        Problem[] problems = [p, q, sum];
        Oracle[] oracles = Array.ConvertAll(problems, v => Oracle.Of(subject.Family, v));
        Outcome[] outcomes = Array.ConvertAll(problems, subject.Run);
        Additive("dx", Array.ConvertAll(oracles, o => o.Dx), Array.ConvertAll(outcomes, o => o.Dx!), s, t);
        Additive("dGamma", Array.ConvertAll(oracles, o => o.DGamma), Array.ConvertAll(outcomes, o => o.DGamma!), s, t);
        if (subject.Family.HasBeta)
        {
            Additive("dBeta", Array.ConvertAll(oracles, o => o.DBeta), Array.ConvertAll(outcomes, o => o.DBeta!), s, t);
        }
    });

    private static void Passes_RowsInAnotherOrder_FollowThem(ISubject subject) => (
        from p in Problems.Of(subject.Family)
        from order in Gen.Shuffle(Enumerable.Range(0, p.Rows).ToArray())
        select (p, order)).Hold(c =>
    {
        (Problem p, int[] order) = c;
        int rowLength = p.Channels * p.Length;
        Problem shuffled = p with { X = RowsInOrder(p.X, order), Dy = RowsInOrder(p.Dy, order) };
        (Oracle oracle, Outcome one, Outcome other) = (Oracle.Of(subject.Family, p), subject.Run(p), subject.Run(shuffled));
        for (int i = 0; i < p.X.Length; i++)
        {
            // A row that is normalized by itself keeps its bits; batch normalization may add up a channel in another order.
            int from = order[i / rowLength] * rowLength + i % rowLength;
            bool sameBits = !subject.Family.HasRunningStatistics;
            Verify.Near($"y[{i}]", one.Y[from], other.Y[i], sameBits ? 0 : 2 * oracle.Y.Allowed(from));
            Verify.Near($"dx[{i}]", one.Dx![from], other.Dx![i], sameBits ? 0 : 2 * oracle.Dx.Allowed(from));
        }

        for (int i = 0; i < p.Channels; i++)
        {
            Verify.Near($"dGamma[{i}]", one.DGamma![i], other.DGamma![i], 2 * oracle.DGamma.Allowed(i));
            if (subject.Family.HasBeta)
            {
                Verify.Near($"dBeta[{i}]", one.DBeta![i], other.DBeta![i], 2 * oracle.DBeta.Allowed(i));
            }
        }
    });

    // Rows are independent of each other in layer normalization, and in batch normalization that evaluates.
    private static void Passes_PartOfTheBatch_GivesTheSameBits(ISubject subject) => (
        from p in Problems.Of(subject.Family, training: false)
        from start in Gen.Int[0, p.Rows - 1]
        from count in Gen.Int[1, p.Rows - start]
        select (p, start, count)).Hold(c =>
    {
        (Problem p, int start, int count) = c;
        int rowLength = p.Channels * p.Length;
        (Outcome all, Outcome part) = (subject.Run(p), subject.Run(p.Slice(start, count)));
        Verify.SameBits("y", part.Y, all.Y.AsSpan(start * rowLength, count * rowLength));
        Verify.SameBits("dx", part.Dx, all.Dx.AsSpan(start * rowLength, count * rowLength));
    });

    // Without gamma and beta, batch normalization of x is layer normalization of xᵀ; the other one is the real kernel.
    private static void Passes_Transposed_AreTheOtherNormalization(ISubject subject) => OfTransposable(subject)?.Where(p => p.Length == 1).Hold(q =>
    {
        Family family = subject.Family;
        Problem p = q with { Gamma = [], Beta = [] };
        Problem transposed = p with
        {
            Rows = p.Channels,
            Channels = p.Rows,
            X = Transposed(p.X, p.Rows, p.Channels),
            Dy = Transposed(p.Dy, p.Rows, p.Channels),
            EarlierDGamma = new float[p.Rows],
            EarlierDBeta = new float[p.Rows],
            RunningMean = new float[p.Rows],
            RunningVariance = new float[p.Rows],
        };
        Oracle oracle = Oracle.Of(family, p);
        Outcome one = subject.Run(p);
        Outcome other = new KernelSubject(family.Transposed!).Run(transposed);
        (double[] y, double[] dx) = (Transposed(other.Y, p.Channels, p.Rows), Transposed(other.Dx!, p.Channels, p.Rows));
        for (int i = 0; i < p.X.Length; i++)
        {
            Verify.Near($"y[{i}]", y[i], one.Y[i], 2 * oracle.Y.Allowed(i));
            Verify.Near($"dx[{i}]", dx[i], one.Dx![i], 2 * oracle.Dx.Allowed(i));
        }
    });

    // (N, C, L) has the same index sets as (N·L, C) with the last two axes swapped.
    private static void BatchNorm_LengthMovedIntoRows_IsTheSame(ISubject subject) => OfBatchNorm(subject)?.Hold(p =>
    {
        Problem flat = p with { Rows = p.Rows * p.Length, Length = 1, X = LengthBeforeChannels(p.X, p), Dy = LengthBeforeChannels(p.Dy, p) };
        Oracle oracle = Oracle.Of(Family.BatchNorm, flat);
        (Outcome one, Outcome other) = (subject.Run(p), subject.Run(flat));
        (double[] y, double[] dx) = (LengthBeforeChannels(one.Y, p), LengthBeforeChannels(one.Dx!, p));
        for (int i = 0; i < y.Length; i++)
        {
            Verify.Near($"y[{i}]", other.Y[i], y[i], 2 * oracle.Y.Allowed(i));
            Verify.Near($"dx[{i}]", other.Dx![i], dx[i], 2 * oracle.Dx.Allowed(i));
        }
    });

    // An affine map takes the midpoint of two inputs to the midpoint of their outputs.
    private static void BatchNorm_Evaluation_IsAffine(ISubject subject) => OfBatchNorm(subject, training: false)?.SelectMany(
        p => Problems.Sixteenths(p.X.Length, 256), (p, x) => (p, p with { X = x })).Hold(c =>
    {
        (Problem p, Problem q) = c;
        Problem middle = p with { X = [.. p.X.Zip(q.X, (a, b) => (a + b) / 2)] };
        Problem[] problems = [p, q, middle];
        Oracle[] oracles = Array.ConvertAll(problems, v => Oracle.Of(Family.BatchNorm, v));
        Outcome[] outcomes = Array.ConvertAll(problems, subject.Run);
        for (int i = 0; i < p.X.Length; i++)
        {
            Verify.Near($"y[{i}]", (outcomes[0].Y[i] + outcomes[1].Y[i]) / 2, outcomes[2].Y[i], oracles.Sum(o => o.Y.Allowed(i)));
        }
    });

    private static void BatchNorm_CumulativeMomentum_AveragesTheBatches(ISubject subject) => OfBatchNorm(subject)?.SelectMany(
        p => Problems.Sixteenths(p.X.Length, 256).Array[1, 5], (p, batches) => (p, batches)).Hold(c =>
    {
        (Problem p, float[][] batches) = c;
        double[] meanSum = new double[p.Channels];
        double[] varianceSum = new double[p.Channels];
        double[] meanAllowed = new double[p.Channels];
        double[] varianceAllowed = new double[p.Channels];
        p = p with { Momentum = Momentum.Cumulative };
        for (int k = 0; k < batches.Length; k++)
        {
            p = p with { X = batches[k], Batch = k + 1 };
            Oracle step = Oracle.Of(Family.BatchNorm, p);
            Outcome outcome = subject.Run(p);
            p = p with { RunningMean = Support.Compare.Narrow(outcome.RunningMean), RunningVariance = Support.Compare.Narrow(outcome.RunningVariance) };
            (double[] mean, double[] variance) = BatchNormReference.Statistics(Support.Compare.Widen(batches[k]), IndexSets.Channels.Of(p.Shape));
            double m = p.SetSize(Family.BatchNorm);
            for (int i = 0; i < p.Channels; i++)
            {
                meanSum[i] += mean[i];
                varianceSum[i] += variance[i] * m / (m - 1);
                meanAllowed[i] += step.RunningMean!.Allowed(i);
                varianceAllowed[i] += step.RunningVariance!.Allowed(i);
            }
        }

        for (int i = 0; i < p.Channels; i++)
        {
            Verify.Near($"running mean[{i}]", meanSum[i] / batches.Length, p.RunningMean[i], meanAllowed[i]);
            Verify.Near($"running variance[{i}]", varianceSum[i] / batches.Length, p.RunningVariance[i], varianceAllowed[i]);
        }
    });

    private static Gen<Problem>? OfBatchNorm(ISubject subject, bool training = true) =>
        subject.Family.HasRunningStatistics ? Problems.Of(subject.Family, training) : null;

    private static Gen<Problem>? OfTransposable(ISubject subject) => subject.Family.Transposed is null ? null : Problems.Of(subject.Family);

    private static double G(Oracle oracle, Problem p, int i) => oracle.Solution.Scale[i] * p.Dy[i];

    private static bool Centres(ISubject subject) => subject.Family.Statistic == Statistic.MeanAndVariance;

    private static IEnumerable<int[]> SetsOf(Oracle oracle) => Enumerable.Range(0, oracle.SetOf.Length).GroupBy(i => oracle.SetOf[i]).Select(g => g.ToArray());

    private static void Additive(string name, Bounded[] bounds, double[][] values, int s, int t)
    {
        for (int i = 0; i < values[0].Length; i++)
        {
            double allowed = Math.Abs(s) * bounds[0].Allowed(i) + Math.Abs(t) * bounds[1].Allowed(i) + bounds[2].Allowed(i);
            Verify.Near($"{name}[{i}]", s * values[0][i] + t * values[1][i], values[2][i], allowed);
        }
    }

    private static float[] RowsInOrder(float[] values, int[] order) => [.. order.SelectMany(n => values.Chunk(values.Length / order.Length).ElementAt(n))];

    private static T[] Transposed<T>(T[] values, int rows, int columns) =>
        [.. Enumerable.Range(0, values.Length).Select(i => values[i % rows * columns + i / rows])];

    private static T[] LengthBeforeChannels<T>(T[] values, Problem p) => [.. values.Chunk(p.Channels * p.Length).SelectMany(row => Transposed(row, p.Channels, p.Length))];
}
