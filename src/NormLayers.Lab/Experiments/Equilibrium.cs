using System.Globalization;
using NormLayers.Lab.Charts;

namespace NormLayers.Lab.Experiments;

/// <summary>What weight decay does to weights in front of a normalization: it sets their speed, not their size's effect.</summary>
internal sealed class Equilibrium : IExperiment
{
    private const float Factor = 3;
    private const float PathFactor = 2;
    private const int GrowthSteps = 200;
    private const int Points = 100;
    private const double Relaxations = 12;
    private const double Rounding = 1e-5;
    private const double Tolerance = 0.1;
    private const double PathRate = 0.1;
    private const double PathDecay = 1e-2;

    private static readonly string[] _columns = ["eta", "lambda", "expected angle", "mean angle", "root mean square", "final length", "effective rate"];

    public string Name => "equilibrium";

    public string Paper => "van Laarhoven 2017, arXiv 1706.05350; Arora, Li & Lyu 2018, arXiv 1812.03981; Li, Lyu & Arora 2020, arXiv 2010.02916";

    public string Claim => "Weights in front of a normalization get gradients at right angles to them; with weight decay they settle where each step turns them by sqrt(2·eta·lambda), whatever the gradient.";

    public double Cost => 5;

    public bool Exact => true;

    public ExperimentResult Run(ExperimentContext context)
    {
        (double Rate, double Decay)[] settings = [(0.1, 1e-2), (0.1, 1e-3), (0.01, 1e-2), (0.01, 1e-3)];
        IReadOnlyList<Course> courses = context.RunAll(settings, s => Steps(s.Rate, s.Decay), (s, _) => Follow(s.Rate, s.Decay, context), _columns, (_, c) => Row(c));
        (double cosine, double scaling, double growth) = Algebra(context.Seed);
        return ExperimentResult.From(
            this,
            context,
            [
                $"A layer of 16 units behind which batch normalization takes out every length, on inputs and labels without any connection, so that the gradient never dies; plain SGD, each run {Relaxations:F0} times as long as its relaxation time 1/(4·eta·lambda).",
                "The angle is the mean over units and steps in the last half of a run; that it is within 10 % of sqrt(2·eta·lambda) was set before the first run. The balance is one of squares, and the root of the mean square, seen afterwards and not judged, stands beside it: steps differ in size, so the mean is the smaller one.",
                "The angle follows from eta·lambda alone: weight decay does not hold these weights small for the sake of the function, which does not see their length; it sets how fast they turn. Without it they grow, and turn ever more slowly.",
            ],
            new(_columns, [.. courses.Select(Row)]),
            [
                new("largest |cosine| of weights and gradient", cosine, 0, Rounding),
                new("gradient of 3w, times 3, against that of w", scaling, 0, Rounding),
                new($"{PathFactor}w, {PathFactor * PathFactor}eta, lambda/{PathFactor * PathFactor}: largest difference of the outputs in {Steps(PathRate, PathDecay)} steps", SamePath(context.Seed), 0, Rounding),
                new("growth of the squared length in a step against eta²·‖g‖²", growth, 0, Rounding),
                .. courses.Select(c => new Assertion($"{c.Name}: mean over expected angle", c.Mean / c.Expected, 1 - Tolerance, 1 + Tolerance)),
            ],
            [
                Chart("Length of the weights", "Wherever it starts, it goes to a length of its own: the larger the steps and the smaller the decay, the longer.", "‖w‖", courses, c => c.Squares.Select(Math.Sqrt)),
                Chart("Effective learning rate", "eta over the squared length: what the function sees. It settles, without a schedule.", "η/‖w‖²", courses, c => c.Squares.Select(s => c.Rate / s)),
                Chart("Angle per step (root mean square), over sqrt(2·eta·lambda)", "All runs end near 1: the angle is set by eta·lambda alone.", "angle over expected angle", courses, c => c.Angles.Select(a => a / c.Expected)),
            ]);
    }

    private static ExperimentRow Row(Course c) => new(c.Name, [c.Rate, c.Decay, c.Expected, c.Mean, c.RootMeanSquare, Math.Sqrt(c.Squares[^1]), c.Rate / c.Squares[^1]]);

    private static int Steps(double rate, double decay) => (int)Math.Ceiling(Relaxations / (4 * rate * decay));

    private static LineChart Chart(string title, string words, string axis, IReadOnlyList<Course> courses, Func<Course, IEnumerable<double>> values) => new()
    {
        Title = title,
        Words = words,
        X = new Axis("relaxation times"),
        Y = new Axis(axis, Log: true),
        Series = [.. courses.Select((c, i) => new Series(c.Name, [.. Enumerable.Range(1, Points).Select(p => p * Relaxations / Points)], [.. values(c)]) { Style = SeriesStyle.At(i) })],
    };

    private static (double Cosine, double Scaling, double Growth) Algebra(ulong seed)
    {
        ScaleInvariantRun run = new(seed);
        run.Differentiate();
        double cosine = run.LargestCosine();
        float[] gradient = [.. run.Gradient];
        float[] weights = [.. run.Weights];
        for (int i = 0; i < weights.Length; i++)
        {
            run.Weights[i] *= Factor;
        }

        run.Differentiate();
        double scaling = gradient.Zip(run.Gradient, (g, h) => Math.Abs(g - Factor * (double)h)).Max() / gradient.Max(Math.Abs);
        weights.CopyTo(run.Weights, 0);
        double growth = 0;
        for (int step = 0; step < GrowthSteps; step++)
        {
            double before = run.SquaredNorm;
            run.NextBatch();
            run.Step(0.1, 0);
            double expected = before + 0.01 * ScaleInvariantRun.SumOfSquares(run.Gradient);
            growth = Math.Max(growth, Math.Abs(run.SquaredNorm / expected - 1));
        }

        return (cosine, scaling, growth);
    }

    // Weights c times as long with c² times the rate and 1/c² of the decay are c times as long after every step, and so the same function.
    // With a power of 2 both round alike.
    private static double SamePath(ulong seed)
    {
        ScaleInvariantRun run = new(seed);
        ScaleInvariantRun scaled = new(seed);
        for (int i = 0; i < scaled.Weights.Length; i++)
        {
            scaled.Weights[i] *= PathFactor;
        }

        double difference = 0;
        for (int step = 0; step < Steps(PathRate, PathDecay); step++)
        {
            run.NextBatch();
            scaled.NextBatch();
            run.Step(PathRate, PathDecay);
            scaled.Step(PathRate * PathFactor * PathFactor, PathDecay / (PathFactor * PathFactor));
            difference = Math.Max(difference, run.Normalized.Zip(scaled.Normalized, (a, b) => Math.Abs(a - (double)b)).Max());
        }

        return difference;
    }

    private static Course Follow(double rate, double decay, ExperimentContext context)
    {
        ScaleInvariantRun run = new(context.Seed);
        int steps = Steps(rate, decay);
        double[] squares = new double[Points];
        double[] angles = new double[Points];
        (double lastHalf, double mean) = (0, 0);
        int step = 0;
        for (int point = 0; point < Points; point++)
        {
            context.CancellationToken.ThrowIfCancellationRequested();
            int end = (int)((long)steps * (point + 1) / Points);
            double sum = 0;
            for (int start = step; step < end; step++)
            {
                run.NextBatch();
                (double squaredSine, double angle) = run.Step(rate, decay);
                sum += squaredSine / (end - start);
                if (step >= steps / 2)
                {
                    lastHalf += squaredSine / (steps - steps / 2);
                    mean += angle / (steps - steps / 2);
                }
            }

            squares[point] = run.SquaredNorm;
            angles[point] = Math.Asin(Math.Sqrt(sum));
        }

        return new(rate, decay, squares, angles, Math.Asin(Math.Sqrt(lastHalf)), mean);
    }

    private sealed record Course(double Rate, double Decay, double[] Squares, double[] Angles, double RootMeanSquare, double Mean)
    {
        public string Name => string.Create(CultureInfo.InvariantCulture, $"eta {Rate}, lambda {Decay}");

        public double Expected => Math.Sqrt(2 * Rate * Decay);
    }
}
