using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Verification;

/// <summary>Measures the layers' float results, on hostile data, against exact arithmetic.</summary>
/// <remarks>
/// The unit is u, one float ulp of the larger of the exact result and the largest term of its last sum. The oracle carries more than 300
/// bits, and 100 where there are a million rows, so that it and the layers share no rounding. The bounds are from docs/numerics.md: the proved ones for y and dx, 2u for parameter
/// gradients and statistics. Batch and group normalization are measured over (N, C), and over (N, C, L) with L below and above the sixteen lanes.
/// Batch renormalization's R and D are constants here, at their limits; ScaleNorm's ε is 0. Of a linear layer with normalized weights the weights are measured.
/// </remarks>
public static partial class AccuracyCheck
{
    private const int FewSets = 3;

    // Batch renormalization's R and D at their limits.
    private const double RMax = 2;
    private const double DMax = 0.75;
    private const int Groups = 2;
    private const int ManyRows = 1_000_000;

    // A length that divides a size is also tried as the L of (N, C, L).
    private static readonly int[] _lengths = [7, 20, 130];

    /// <summary>The layers that are measured.</summary>
    internal static IReadOnlyList<Subject> Subjects { get; } =
    [
        new("LayerNorm1D", IndexSets.Rows(), IndexSets.Columns(), size => [(FewSets, size)], (shape, epsilon) => new LayerNorm1D(shape.Last, epsilon), 4.5, 8.5),
        new("BatchNorm1D", IndexSets.Channels, IndexSets.Channels, ChannelShapes, (shape, epsilon) => new BatchNorm1D(shape[1], epsilon, Momentum.NewWeight(1)), 3.5, 7.5),
        new("RmsNorm", IndexSets.Rows(), IndexSets.Columns(), size => [(FewSets, size)], (shape, epsilon) => new RmsNorm(shape.Last, epsilon), 2.5, 4.5)
        {
            Statistic = Statistic.RootMeanSquare,
            HasBeta = false,
        },
        new("RmsNorm, 1 + gamma", IndexSets.Rows(), IndexSets.Columns(), size => [(FewSets, size)], (shape, epsilon) => new RmsNorm(shape.Last, epsilon, onePlusGamma: true), 2.5, 4.5)
        {
            HasEngineOfItsOwn = false,
            Statistic = Statistic.RootMeanSquare,
            HasBeta = false,
            Run = RunOnePlusGamma,
        },
        new("GroupNorm", IndexSets.Groups(Groups), IndexSets.Channels, GroupShapes, (shape, epsilon) => new GroupNorm(Groups, shape[1], epsilon), 4.5, 8.5) { ManyRowsOf = 4 },
        new("InstanceNorm", IndexSets.Instances, IndexSets.Channels, InstanceShapes, (shape, epsilon) => new InstanceNorm(shape[1], epsilon, withGamma: true, withBeta: true), 3.5, 7.5) { ManyRowsOf = 0 },
        new("AdaptiveLayerNorm", IndexSets.Rows(), IndexSets.By((shape, i) => i / (shape.Length / shape[0]) * shape.Last + i % shape.Last), size => [(2, 2, size)], (shape, epsilon) => new AdaptiveLayerNorm(shape.Last, epsilon, onePlusScale: false), 4.5, 8.5)
        {
            HasEngineOfItsOwn = false,
            Run = RunConditioned,
        },
        new("ScaleNorm", IndexSets.Rows(), IndexSets.All, size => [(FewSets, size)], (shape, _) => new ScaleNorm(shape.Last, epsilon: 0), 1.5, 3.5)
        {
            HasEngineOfItsOwn = false,
            Statistic = Statistic.L2,
            HasEpsilon = false,
            HasBeta = false,
        },
        new("WeightNorm", IndexSets.Rows(), IndexSets.Rows(), size => [(FewSets, size)], (shape, _) => new WeightNorm(new Linear(shape.Last, shape[0], new RandomSource(1))), 1.5, 3.5)
        {
            HasEngineOfItsOwn = false,
            Statistic = Statistic.L2,
            HasEpsilon = false,
            HasBeta = false,
            Run = RunWeights,
        },
        new("WeightStandardization", IndexSets.Rows(), IndexSets.All, size => [(FewSets, size)], (shape, epsilon) => new WeightStandardization(new Linear(shape.Last, shape[0], new RandomSource(1)), epsilon), 4.5, 8.5)
        {
            HasEngineOfItsOwn = false,
            HasGamma = false,
            HasBeta = false,
            Run = RunWeights,
        },
        new("GhostBatchNorm", IndexSets.By((shape, i) => 2 * i / shape.Length * shape[1] + i / (shape.Length / (shape[0] * shape[1])) % shape[1]), IndexSets.Channels, ChunkShapes, (shape, epsilon) => new GhostBatchNorm(shape[1], shape[0] / 2, epsilon), 3.5, 7.5) { HasEngineOfItsOwn = false },
        new("BatchRenorm", IndexSets.Channels, IndexSets.Channels, ChannelShapes, CreateRenorm, 4.5, 7.5) { HasEngineOfItsOwn = false, Corrections = (RMax, DMax) },
    ];

    /// <summary>The largest error allowed of parameter gradients and running statistics, in u.</summary>
    public const double SumBound = 2;

    /// <summary>Runs every layer over all kinds of data, on all cores (at most <see cref="Threads.Limit"/>); their number changes no result.</summary>
    /// <param name="seed">The seed of the data.</param>
    /// <param name="cancellationToken">Stops before the next kind.</param>
    /// <returns>A row for each layer, kind of data and output, in that order.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IReadOnlyList<AccuracyRow> Run(ulong seed = 1, CancellationToken cancellationToken = default) => Run(Subjects, seed, cancellationToken);

    private static IReadOnlyList<AccuracyRow> Run(IReadOnlyList<Subject> subjects, ulong seed, CancellationToken cancellationToken)
    {
        IReadOnlyList<AccuracyRow>[] rows = new IReadOnlyList<AccuracyRow>[subjects.Count * HostileData.All.Count];
        Threads.For(rows.Length, i =>
        {
            if (!cancellationToken.IsCancellationRequested)
            {
                (int subject, int data) = Math.DivRem(i, HostileData.All.Count);
                rows[i] = [.. Measure(subjects[subject], HostileData.All[data], seed)];
            }
        });
        cancellationToken.ThrowIfCancellationRequested();
        return [.. rows.SelectMany(r => r)];
    }

    private static IEnumerable<AccuracyRow> Measure(Subject subject, HostileData data, ulong seed)
    {
        RandomSource random = new(seed);
        Dictionary<string, double> worst = [];
        IEnumerable<int> sizes = subject.HasEngineOfItsOwn ? data.Sizes : data.Sizes.Where(size => size <= _lengths[^1] || data.Sizes.Count == 1);
        foreach (Shape shape in sizes.SelectMany(subject.Shapes))
        {
            Measure<ExactNumber>(subject, data, shape, random, worst);
        }

        if (data.ManyRows && subject.HasEngineOfItsOwn && subject.ManyRowsOf > 0)
        {
            Measure<DoubleDouble>(subject, data, (ManyRows, subject.ManyRowsOf), random, worst);
        }

        return worst.Select(w => new AccuracyRow(
            subject.Name, data.Name, w.Key, w.Value, w.Key == "y" ? subject.YBound : w.Key == "dx" ? subject.DxBound : SumBound));
    }

    // Channels of that many elements; one alone has no variance.
    private static IEnumerable<Shape> ChannelShapes(int size) =>
        size == 1 ? [] : [(size, FewSets), .. _lengths.Where(l => size % l == 0).Select(l => (Shape)(size / l, FewSets, l))];

    // Groups of channels of one position, of some, and of one channel.
    private static IEnumerable<Shape> GroupShapes(int size) =>
        size == 1 ? [] : [(FewSets, Groups * size), .. _lengths.Where(l => size % l == 0).Select(l => (Shape)(FewSets, Groups * (size / l), l))];

    // Two chunks of them.
    private static IEnumerable<Shape> ChunkShapes(int size) =>
        size == 1 ? [] : [(2 * size, FewSets), .. _lengths.Where(l => size % l == 0).Select(l => (Shape)(2 * (size / l), FewSets, l))];

    private static IEnumerable<Shape> InstanceShapes(int size) => size == 1 ? [] : [(FewSets, 2, size)];

    private static void Measure<T>(Subject subject, HostileData data, Shape shape, RandomSource random, Dictionary<string, double> worst)
        where T : struct, IOracleNumber<T>
    {
        int[][] sets = subject.Sets.Of(shape);
        int[] parameterOf = subject.Parameters.NumberOf(shape);
        Layer layer = subject.Create(shape, data.Epsilon);
        float[] gamma = new float[parameterOf.Max() + 1];
        float[] beta = new float[gamma.Length];
        Draw(gamma, () => (float)(data.GammaScale * (0.5 + random.NextDouble()) * (random.NextInt(2) * 2 - 1)));
        Draw(beta, () => (float)(data.WithBeta && subject.HasBeta ? random.NextNormal() : 0));
        if (!subject.HasGamma)
        {
            Array.Fill(gamma, 1);
        }

        float[] x = new float[shape.Length];
        float[] dy = new float[x.Length];
        foreach (int[] S in sets)
        {
            Scatter(data.Draw(S.Length, random), S, x);
        }

        foreach (int[] S in sets)
        {
            Scatter(Draw(new float[S.Length], () => (float)(0.4 + random.NextNormal())), S, dy);
        }

        (float[] y, float[]? dx, float[]? gammaGradient, float[]? betaGradient) = subject.Run(layer, shape, x, dy, gamma, beta);

        ExactSum<T>[] dGamma = Array.ConvertAll(gamma, _ => new ExactSum<T>());
        ExactSum<T>[] dBeta = Array.ConvertAll(beta, _ => new ExactSum<T>());
        for (int s = 0; s < sets.Length; s++)
        {
            int[] S = sets[s];
            ExactNormalization<T> exact = new(
                Array.ConvertAll(S, i => x[i]),
                Array.ConvertAll(S, i => dy[i]),
                Array.ConvertAll(S, i => gamma[parameterOf[i]]),
                Array.ConvertAll(S, i => beta[parameterOf[i]]),
                subject.Statistic,
                subject.HasEpsilon ? data.Epsilon : 0,
                subject.Corrections);
            for (int k = 0; k < S.Length; k++)
            {
                int i = S[k];
                Note(worst, "y", exact.Y[k].ErrorOf(y[i]));
                if (dx is not null)
                {
                    Note(worst, "dx", exact.Dx[k].ErrorOf(dx[i]));
                }

                dGamma[parameterOf[i]].Add(T.From(dy[i]) * exact.XHat[k]);
                dBeta[parameterOf[i]].Add(T.From(dy[i]));
            }

            if (layer is BatchNorm1D { Running: { } running } && running.SkippedUpdates == 0)
            {
                T unbiased = exact.Variance * (T.From(S.Length) / (S.Length - 1));
                Note(worst, "running mean", new ExactNormalization<T>.Bounded(exact.Mean).ErrorOf(running.Mean[s]));
                Note(worst, "running variance", new ExactNormalization<T>.Bounded(unbiased).ErrorOf(running.Variance[s]));
            }
        }

        for (int p = 0; p < gamma.Length; p++)
        {
            if (gammaGradient is not null)
            {
                Note(worst, "dGamma", dGamma[p].ErrorOf(gammaGradient[p]));
            }

            if (betaGradient is not null)
            {
                Note(worst, "dBeta", dBeta[p].ErrorOf(betaGradient[p]));
            }
        }
    }

    // A layer whose first parameter, if there is one, is γ, and whose second β.
    private static Passes RunLayer(Layer layer, Shape shape, float[] x, float[] dy, float[] gamma, float[] beta)
    {
        (Parameter? scale, Parameter? shift) = (layer.Parameters.ElementAtOrDefault(0), layer.Parameters.ElementAtOrDefault(1));
        gamma.AsSpan(0, scale?.Value.Length ?? 0).CopyTo(scale?.Value);
        beta.AsSpan(0, shift?.Value.Length ?? 0).CopyTo(shift?.Value);
        (float[] y, float[] dx) = Run(layer, shape, x, dy);
        return new(y, dx, scale?.Gradient, shift?.Gradient);
    }

    // The scale is 1 + γ as rounded to float, and overwrites gamma.
    private static Passes RunOnePlusGamma(Layer layer, Shape shape, float[] x, float[] dy, float[] gamma, float[] beta)
    {
        float[] stored = Array.ConvertAll(gamma, g => g - 1);
        Array.ConvertAll(stored, s => 1 + s).CopyTo(gamma, 0);
        return RunLayer(layer, shape, x, dy, stored, beta);
    }

    private static Passes RunConditioned(Layer layer, Shape shape, float[] x, float[] dy, float[] gamma, float[] beta)
    {
        AdaptiveLayerNorm adaptive = (AdaptiveLayerNorm)layer;
        adaptive.SetCondition(gamma, beta);
        (float[] y, float[] dx) = Run(layer, shape, x, dy);
        return new(y, dx, adaptive.ScaleGradient.ToArray(), adaptive.ShiftGradient.ToArray());
    }

    // The weights in use, from x as the raw ones: an identity as the input makes dy, turned round, their gradient.
    private static Passes RunWeights(Layer layer, Shape shape, float[] x, float[] dy, float[] gamma, float[] beta)
    {
        (int units, int inputs) = (shape[0], shape.Last);
        float[] identity = new float[inputs * inputs];
        float[] turned = new float[dy.Length];
        for (int i = 0; i < inputs; i++)
        {
            identity[i * inputs + i] = 1;
            for (int o = 0; o < units; o++)
            {
                turned[i * units + o] = dy[o * inputs + i];
            }
        }

        Parameter raw = layer.Parameters.Single(p => p.Value.Length == x.Length && p.Name.StartsWith("weight", StringComparison.Ordinal) && p.Name != "weight_g");
        Parameter? g = layer is WeightNorm weights ? weights.G : null;
        x.CopyTo(raw.Value, 0);
        gamma.AsSpan(0, g?.Value.Length ?? 0).CopyTo(g?.Value);
        layer.Forward(identity, (inputs, inputs), new float[inputs * units]);
        layer.Backward(identity, turned, default);
        return new([.. ((NormalizedLinear)layer).WeightsInUse()], raw.Gradient, g?.Gradient, null);
    }

    private static (float[] Y, float[] Dx) Run(Layer layer, Shape shape, float[] x, float[] dy)
    {
        float[] y = new float[x.Length];
        float[] dx = new float[x.Length];
        layer.Forward(x, shape, y);
        layer.Backward(x, dy, dx);
        return (y, dx);
    }

    // The running statistics are so far from every batch that R and D are at their limits.
    private static BatchRenorm CreateRenorm(Shape shape, double epsilon)
    {
        BatchRenorm layer = new(shape[1], new RenormLimits(RMax, DMax), epsilon, Momentum.NewWeight(0));
        Array.Fill(layer.Running!.Mean, -1e38f);
        Array.Fill(layer.Running.Deviation, 1e-37f);
        return layer;
    }

    private static void Note(Dictionary<string, double> worst, string output, double error)
    {
        double before = worst.GetValueOrDefault(output);
        worst[output] = double.IsNaN(error) || double.IsNaN(before) ? double.NaN : Math.Max(before, error);
    }

    private static float[] Draw(float[] values, Func<float> draw)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = draw();
        }

        return values;
    }

    private static void Scatter(float[] values, int[] to, float[] tensor)
    {
        for (int k = 0; k < to.Length; k++)
        {
            tensor[to[k]] = values[k];
        }
    }

    /// <summary>A layer and what it is.</summary>
    /// <param name="Name">The layer.</param>
    /// <param name="Sets">The elements that it normalizes together.</param>
    /// <param name="Parameters">The elements that share γ and β.</param>
    /// <param name="Shapes">Shapes whose sets have a given size.</param>
    /// <param name="Create">The layer for a shape and an ε.</param>
    /// <param name="YBound">What is proved of y, in u.</param>
    /// <param name="DxBound">What is proved of dx, in u.</param>
    internal sealed record Subject(
        string Name, IndexSets Sets, IndexSets Parameters, Func<int, IEnumerable<Shape>> Shapes, Func<Shape, double, Layer> Create, double YBound, double DxBound)
    {
        public Statistic Statistic { get; init; }

        /// <summary>Whether the layer has an ε, and is not measured with one of 0.</summary>
        public bool HasEpsilon { get; init; } = true;

        /// <summary>Whether it has a scale that is a parameter, or a condition.</summary>
        public bool HasGamma { get; init; } = true;

        /// <summary>Whether it has a shift.</summary>
        public bool HasBeta { get; init; } = true;

        /// <summary>Batch renormalization's R and D; null for other layers.</summary>
        public (double R, double D)? Corrections { get; init; }

        /// <summary>Whether none of the layers before it has its loops; else it is not measured with the largest sets and the most rows again.</summary>
        public bool HasEngineOfItsOwn { get; init; } = true;

        /// <summary>Runs the layer forward and backward on x and dy, with γ and β; γ becomes the scale in use.</summary>
        public Func<Layer, Shape, float[], float[], float[], float[], Passes> Run { get; init; } = RunLayer;

        /// <summary>The columns of the matrix of very many rows; 0 for a layer that takes no matrix.</summary>
        public int ManyRowsOf { get; init; } = FewSets;
    }

    /// <summary>What both passes give; without gradients where there are none.</summary>
    internal sealed record Passes(float[] Y, float[]? Dx, float[]? DGamma, float[]? DBeta);

    /// <summary>A sum over the elements, with its largest term.</summary>
    private sealed class ExactSum<T>
        where T : struct, IOracleNumber<T>
    {
        private T _sum = T.From(0);
        private T _largest = T.From(0);

        public void Add(T term)
        {
            _sum += term;
            _largest = term.Absolute().CompareTo(_largest) > 0 ? term.Absolute() : _largest;
        }

        public double ErrorOf(float actual) => new ExactNormalization<T>.Bounded(_sum, _largest).ErrorOf(actual);
    }
}

/// <summary>The worst error of one output of one layer on one kind of data.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="Data">The kind of data.</param>
/// <param name="Output">The output: <c>y</c>, <c>dx</c>, <c>dGamma</c>, …</param>
/// <param name="WorstError">The worst error in u; NaN if an output is not finite where the answer is.</param>
/// <param name="Bound">The bound in u.</param>
public sealed record AccuracyRow(string Layer, string Data, string Output, double WorstError, double Bound)
{
    /// <summary>Whether the error is within the bound.</summary>
    public bool Passed => WorstError <= Bound;
}
