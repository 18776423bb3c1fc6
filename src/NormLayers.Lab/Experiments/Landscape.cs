using System.Globalization;
using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;
using NormLayers.Lab.Trials;
using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>How smooth the loss is along the gradient, with and without batch normalization.</summary>
internal sealed class Landscape : IExperiment
{
    // The paper's learning rates; the classifier's is that of its convolutional network.
    private const double LinearRate = 1e-6;
    private const double ClassifierRate = 0.1;
    private const int Points = 1000;
    private const int Depth = 8;
    private const int Width = 64;
    private const int Batch = 128;
    private const int Every = 25;
    private const int TheoremSamples = 64;
    private const int TheoremFeatures = 100;

    private static readonly double[] _linearLengths = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];
    private static readonly double[] _classifierLengths = [0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4];
    private static readonly NormalizationKind[] _modes = [NormalizationKind.None, NormalizationKind.BatchNorm];

    private static readonly string[] _columns = ["first loss", "last loss", "loss range", "gradient change", "effective beta", "shift cosine", "shift distance"];

    public string Name => "landscape";

    public string Paper => "Santurkar et al. 2018, arXiv 1805.11604, §3, Fig. 4";

    public string Claim => "Batch normalization makes the loss smoother: along the gradient the loss and its gradient change less. It does not reduce the internal covariate shift of the gradients.";

    public double Cost => 15;

    public bool Exact => false;

    // A batch is read from somewhere before the last one.
    public int FewestImages => Batch + 1;

    public ExperimentResult Run(ExperimentContext context)
    {
        int linearSteps = context.Full ? 10_000 : 500;
        int classifierSteps = context.Full ? 15_000 : 1500;
        double theorem = GradientTheorem.WorstDifference(TheoremSamples, TheoremFeatures, new RandomSource(context.Seed));
        Trial[] trials = [.. from linear in (bool[])[true, false] from mode in _modes select new Trial(linear, mode)];
        Outcome[] outcomes =
        [
            .. trials.Zip(
                context.RunAll(
                    trials,
                    _ => 1,
                    (t, _) => t.Linear
                        ? DeepLinearRun.Train(t.Mode == NormalizationKind.BatchNorm, Points, LinearRate, linearSteps, Every, _linearLengths, context)
                        : TrainClassifier(t.Mode, classifierSteps, context),
                    _columns, (t, r) => Row(new Outcome(t, r))),
                (t, r) => new Outcome(t, r)),
        ];
        return ExperimentResult.From(
            this,
            context,
            [
                $"Two pairs of networks. Classifier: {Depth} hidden layers of {Width} (ReLU, Glorot initialization), mini-batches of {Batch}, a learning rate of {Text(ClassifierRate)}, {Text(classifierSteps)} steps, in place of the paper's convolutional network. " +
                $"Deep linear network: 25 layers of 10x10, {Text(Points)} points, all at once, a learning rate of 1e-6 on the summed loss, {Text(linearSteps)} of the paper's 10 000 steps; batch normalization behind all layers but the last.",
                $"Every {Every} steps, at eight lengths along the gradient ({Text(_classifierLengths[0])} to {Text(_classifierLengths[^1])} learning rates, {Text(_linearLengths[0])} to {Text(_linearLengths[^1])} in the linear network): the range of the loss, how far the gradient there is from the first one, " +
                "and the greatest change of the gradient per distance, the effective β. Judged are the medians over the readings.",
                "Covariate shift as the paper measures it: a layer's gradient before and after the layers below have taken their step. A cosine of 1 is no shift.",
                .. DescribeShift("classifier", outcomes[2], outcomes[3]),
                .. DescribeShift("deep linear network", outcomes[0], outcomes[1]),
            ],
            new(
                _columns,
                [.. outcomes.Select(Row)]),
            [
                new("worst relative difference from the closed form of the gradient (epsilon 0)", theorem, 0, 1e-5),
                .. Judge("classifier", outcomes[2], outcomes[3]),
                .. Judge("linear", outcomes[0], outcomes[1]),
            ],
            [
                .. ((bool[])[false, true]).SelectMany(linear => Draw(linear, [.. outcomes.Where(o => o.Trial.Linear == linear)])),
            ]);
    }

    private static ExperimentRow Row(Outcome o) => new(
        o.Trial.Name,
        [o.Readings[0].Loss, o.Readings[^1].Loss, o.Median(r => r.LossRange), o.Median(r => r.GreatestChange), o.Median(r => r.Smoothness), o.Median(r => r.ShiftCosine), o.Median(r => r.ShiftDistance)]);

    private static SurfaceReading[] TrainClassifier(NormalizationKind mode, int steps, ExperimentContext context)
    {
        RunSeeds seeds = RunSeeds.From((long)context.Seed);
        DataSplit data = context.Images.Split;
        MlpOptions options = new()
        {
            InputFeatures = data.Train.FeatureCount,
            HiddenFeatures = [.. Enumerable.Repeat(Width, Depth)],
            Classes = data.Train.ClassCount,
            Normalization = mode,
            Initialization = Initialization.XavierNormal,
            Seed = seeds.Weights,
        };
        Sequential network = Mlp.Create(options);

        // The walks use a copy of the network, so that its running statistics do not change.
        Sequential copy = Mlp.Create(options);
        List<SurfaceReading> readings = [];
        StepTraining.Run(
            network, new SgdOptimizer(network.Parameters, ClassifierRate), data, Batch, steps, seeds.Order, null, step => Watch(step), context.CancellationToken);
        return [.. readings];

        void Watch(long step)
        {
            if (step % Every != 0)
            {
                return;
            }

            foreach ((Parameter from, Parameter to) in network.Parameters.Zip(copy.Parameters))
            {
                from.Value.CopyTo(to.Value, 0);
            }

            int features = data.Train.FeatureCount;
            int first = readings.Count * Batch % (data.Train.Count - Batch);
            float[] x = data.Train.Features[(first * features)..((first + Batch) * features)];
            int[] labels = data.Train.Labels[first..(first + Batch)];
            readings.Add(new LossSurface(copy, x, (Batch, features), (y, dy) => SoftmaxCrossEntropy.Evaluate(y, labels, dy).Loss).Read(ClassifierRate, _classifierLengths));
        }
    }

    private static Assertion[] Judge(string name, Outcome plain, Outcome normalized) =>
    [
        new($"{name}: range of the loss, none over batchnorm", plain.Median(r => r.LossRange) / normalized.Median(r => r.LossRange), 1, 1e6),
        new($"{name}: change of the gradient, none over batchnorm", plain.Median(r => r.GreatestChange) / normalized.Median(r => r.GreatestChange), 1, 1e6),
        new($"{name}: effective beta, none over batchnorm", plain.Median(r => r.Smoothness) / normalized.Median(r => r.Smoothness), 1, 1e6),
        new($"{name}: cosine of the shifted gradients, none minus batchnorm", plain.Median(r => r.ShiftCosine) - normalized.Median(r => r.ShiftCosine), 0, 2),
    ];

    private static IEnumerable<string> DescribeShift(string name, Outcome plain, Outcome normalized)
    {
        double without = plain.Median(r => r.ShiftCosine);
        double with = normalized.Median(r => r.ShiftCosine);
        yield return string.Create(CultureInfo.InvariantCulture, $"In the {name} the cosine is {without:0.000} without and {with:0.000} with batch normalization: ") +
            (with <= without ? "batch normalization does not reduce the shift, as the paper says." : "batch normalization reduces the shift here, unlike in the paper's networks.");
    }

    private static IEnumerable<LineChart> Draw(bool linear, Outcome[] outcomes)
    {
        string where = linear ? "deep linear network" : "classifier";
        double[] steps = [.. Enumerable.Range(0, outcomes.Min(o => o.Readings.Length)).Select(i => (double)(i + (linear ? 0 : 1)) * Every)];
        yield return Fan("Loss along the gradient", "The range (band) and the loss at the point itself (line). A wide band: a step of another length would have gone wrong.", "loss", r => r.Loss, r => r.LowestLoss, r => r.HighestLoss);
        yield return Fan("Distance of the gradients along the walk from the first one", "From the shortest to the longest walk (band) and the longest (line). Small: the gradient foretells what comes.", "l2 distance", r => r.GreatestChange, r => r.LeastChange, r => r.GreatestChange);
        yield return Fan("Effective beta-smoothness", "The greatest change of the gradient per distance walked.", "change per distance", r => r.Smoothness, null, null);
        yield return Fan("Cosine of a layer's gradient before and after the layers below moved", "The mean over the layers. The lower, the more internal covariate shift.", "cosine", r => r.ShiftCosine, null, null, log: false);

        LineChart Fan(
            string title, string words, string unit, Func<SurfaceReading, double> line, Func<SurfaceReading, double>? low, Func<SurfaceReading, double>? high, bool log = true)
        {
            return new LineChart
            {
                Title = $"{title}, {where}",
                Words = words,
                X = new Axis("step"),
                Y = new Axis(unit, log),
                Series = [.. outcomes.Select(o => low is null
                    ? new Series(o.Trial.Mode.Name, steps, Values(o, line)) { Style = SeriesStyle.Of(o.Trial.Mode) }
                    : new Series(o.Trial.Mode.Name, steps, Values(o, line), Values(o, low), Values(o, high!)) { Style = SeriesStyle.Of(o.Trial.Mode) })],
            };
        }

        double[] Values(Outcome outcome, Func<SurfaceReading, double> quantity) => [.. outcome.Readings.Take(steps.Length).Select(quantity)];
    }

    private static string Text(double number) => number.ToString("G4", CultureInfo.InvariantCulture);

    private sealed record Trial(bool Linear, NormalizationKind Mode)
    {
        public string Name => $"{(Linear ? "linear" : "classifier")}, {Mode.Name}";
    }

    private sealed record Outcome(Trial Trial, SurfaceReading[] Readings)
    {
        public double Median(Func<SurfaceReading, double> quantity) => Readings.Select(quantity).Order().ElementAt(Readings.Length / 2);
    }
}
