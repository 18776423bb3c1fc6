using NormLayers.Numerics;

namespace NormLayers.Verification;

/// <summary>Measures the layers' float results, on hostile data, against exact arithmetic.</summary>
/// <remarks>
/// The unit is u, one float ulp of the larger of the exact result and the largest term of its last sum. The oracle carries more than 300
/// bits, and 100 where there are a million rows, so that it and the layers share no rounding. The bounds are from docs/numerics.md: the proved ones for y and dx, 2u for parameter
/// gradients and statistics. Batch and group normalization are measured over (N, C), and over (N, C, L) with L below and above the sixteen lanes.
/// </remarks>
public static class AccuracyCheck
{
    private const int FewSets = 3;
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
        },
        new("GroupNorm", IndexSets.Groups(Groups), IndexSets.Channels, GroupShapes, (shape, epsilon) => new GroupNorm(Groups, shape[1], epsilon), 4.5, 8.5) { ManyRowsOf = 4 },
        new("InstanceNorm", IndexSets.Instances, IndexSets.Channels, InstanceShapes, (shape, epsilon) => new InstanceNorm(shape[1], epsilon, withGamma: true, withBeta: true), 3.5, 7.5) { ManyRowsOf = 0 },
    ];

    /// <summary>The largest error allowed of parameter gradients and running statistics, in u.</summary>
    public const double SumBound = 2;

    /// <summary>Runs every layer over all kinds of data, on all cores (at most <see cref="Threads.Limit"/>); their number changes no result.</summary>
    /// <param name="seed">The seed of the data.</param>
    /// <param name="cancellationToken">Stops before the next kind.</param>
    /// <returns>A row for each layer, kind of data and output, in that order.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IReadOnlyList<AccuracyRow> Run(ulong seed = 1, CancellationToken cancellationToken = default)
    {
        IReadOnlyList<AccuracyRow>[] rows = new IReadOnlyList<AccuracyRow>[Subjects.Count * HostileData.All.Count];
        Threads.For(rows.Length, i =>
        {
            if (!cancellationToken.IsCancellationRequested)
            {
                (int subject, int data) = Math.DivRem(i, HostileData.All.Count);
                rows[i] = [.. Measure(Subjects[subject], HostileData.All[data], seed)];
            }
        });
        cancellationToken.ThrowIfCancellationRequested();
        return [.. rows.SelectMany(r => r)];
    }

    private static IEnumerable<AccuracyRow> Measure(Subject subject, HostileData data, ulong seed)
    {
        RandomSource random = new(seed);
        Dictionary<string, double> worst = [];
        foreach (Shape shape in data.Sizes.SelectMany(subject.Shapes))
        {
            Measure<ExactNumber>(subject, data, shape, random, worst);
        }

        if (data.ManyRows && subject.ManyRowsOf > 0)
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

    private static IEnumerable<Shape> InstanceShapes(int size) => size == 1 ? [] : [(FewSets, 2, size)];

    private static void Measure<T>(Subject subject, HostileData data, Shape shape, RandomSource random, Dictionary<string, double> worst)
        where T : struct, IOracleNumber<T>
    {
        int[][] sets = subject.Sets.Of(shape);
        int[] parameterOf = subject.Parameters.NumberOf(shape);
        Layer layer = subject.Create(shape, data.Epsilon);
        float[] gamma = layer.Parameters[0].Value;
        Parameter? shift = layer.Parameters.Count > 1 ? layer.Parameters[1] : null;
        float[] beta = shift?.Value ?? new float[gamma.Length];
        Draw(gamma, () => (float)(data.GammaScale * (0.5 + random.NextDouble()) * (random.NextInt(2) * 2 - 1)));
        Draw(beta, () => (float)(data.WithBeta && shift is not null ? random.NextNormal() : 0));
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

        float[] y = new float[x.Length];
        float[] dx = new float[x.Length];
        layer.Forward(x, shape, y);
        layer.Backward(x, dy, dx);

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
                data.Epsilon);
            for (int k = 0; k < S.Length; k++)
            {
                int i = S[k];
                Note(worst, "y", exact.Y[k].ErrorOf(y[i]));
                Note(worst, "dx", exact.Dx[k].ErrorOf(dx[i]));
                dGamma[parameterOf[i]].Add(T.From(dy[i]) * exact.XHat[k]);
                dBeta[parameterOf[i]].Add(T.From(dy[i]));
            }

            if (layer is BatchNorm { Running: { } running } && running.SkippedUpdates == 0)
            {
                T unbiased = exact.Variance * (T.From(S.Length) / (S.Length - 1));
                Note(worst, "running mean", new ExactNormalization<T>.Bounded(exact.Mean).ErrorOf(running.Mean[s]));
                Note(worst, "running variance", new ExactNormalization<T>.Bounded(unbiased).ErrorOf(running.Variance[s]));
            }
        }

        for (int p = 0; p < gamma.Length; p++)
        {
            Note(worst, "dGamma", dGamma[p].ErrorOf(layer.Parameters[0].Gradient[p]));
            if (shift is not null)
            {
                Note(worst, "dBeta", dBeta[p].ErrorOf(shift.Gradient[p]));
            }
        }
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
    /// <param name="Create">The layer for a shape and an ε; its first parameter is γ, its second, if there is one, β.</param>
    /// <param name="YBound">What is proved of y, in u.</param>
    /// <param name="DxBound">What is proved of dx, in u.</param>
    internal sealed record Subject(
        string Name, IndexSets Sets, IndexSets Parameters, Func<int, IEnumerable<Shape>> Shapes, Func<Shape, double, Layer> Create, double YBound, double DxBound)
    {
        public Statistic Statistic { get; init; }

        /// <summary>The columns of the matrix of very many rows; 0 for a layer that takes no matrix.</summary>
        public int ManyRowsOf { get; init; } = FewSets;
    }

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
