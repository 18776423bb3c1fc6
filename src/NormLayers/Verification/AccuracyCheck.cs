using NormLayers.Numerics;

namespace NormLayers.Verification;

/// <summary>Measures the layers' float results, on data made to hurt, against exact arithmetic.</summary>
/// <remarks>
/// The unit is u, one float ulp of the larger of the exact result and the largest term of its last sum. The oracle carries more than 300
/// bits, and 100 where there are a million rows, so that it and the layers share no rounding. The bounds are those of docs/numerics.md: 4u for y and dx, 2u for parameter
/// gradients and statistics. Batch normalization is measured over (N, C), and over (N, C, L) with L below and above the sixteen lanes.
/// </remarks>
public static class AccuracyCheck
{
    // Index sets: so many rows of a layer normalization, or channels of a batch normalization.
    private const int FewSets = 3;
    private const int ManyRows = 1_000_000;

    // Those that divide a size are also tried as the L of (N, C, L), whose elements a channel's set is then made of.
    private static readonly int[] _lengths = [7, 20, 130];

    /// <summary>The largest error allowed of y and dx, in u.</summary>
    public const double ElementBound = 4;

    /// <summary>The largest error allowed of parameter gradients and running statistics, in u.</summary>
    public const double SumBound = 2;

    /// <summary>Runs both layers over all kinds of data.</summary>
    /// <param name="seed">The seed of the data.</param>
    /// <param name="cancellationToken">Stops between two kinds.</param>
    /// <returns>A row for each layer, kind of data and output, in that order.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IReadOnlyList<AccuracyRow> Run(ulong seed = 1, CancellationToken cancellationToken = default)
    {
        List<AccuracyRow> rows = [];
        foreach (bool batch in (bool[])[false, true])
        {
            foreach (HostileData data in HostileData.All)
            {
                cancellationToken.ThrowIfCancellationRequested();
                RandomSource random = new(seed);
                Dictionary<string, double> worst = [];
                foreach (int size in data.Sizes)
                {
                    Measure<ExactNumber>(batch, data, FewSets, size, 1, random, worst);
                    foreach (int length in _lengths.Where(l => batch && size % l == 0))
                    {
                        Measure<ExactNumber>(batch, data, FewSets, size, length, random, worst);
                    }
                }

                if (data.ManyRows)
                {
                    Measure<DoubleDouble>(batch, data, batch ? FewSets : ManyRows, batch ? ManyRows : FewSets, 1, random, worst);
                }

                rows.AddRange(worst.Select(w => new AccuracyRow(
                    batch ? "BatchNorm1D" : "LayerNorm1D", data.Name, w.Key, w.Value, w.Key is "y" or "dx" ? ElementBound : SumBound)));
            }
        }

        return rows;
    }

    // Index sets of one size: rows of a layer normalization, channels of a batch normalization.
    private static void Measure<T>(bool batch, HostileData data, int count, int size, int length, RandomSource random, Dictionary<string, double> worst)
        where T : struct, IOracleNumber<T>
    {
        if (batch && size == 1)
        {
            return;
        }

        int parameters = batch ? count : size;
        float[] gamma = Draw(parameters, () => (float)(data.GammaScale * (0.5 + random.NextDouble()) * (random.NextInt(2) * 2 - 1)));
        float[] beta = Draw(parameters, () => (float)(data.WithBeta ? random.NextNormal() : 0));
        float[][] sets = [.. Enumerable.Range(0, count).Select(_ => data.Draw(size, random))];
        float[][] upstreams = [.. Enumerable.Range(0, count).Select(_ => Draw(size, () => (float)(0.4 + random.NextNormal())))];
        Func<int, int, int> position = batch ? (s, i) => (i / length * count + s) * length + i % length : (s, i) => s * size + i;
        Shape shape = !batch ? (count, size) : length == 1 ? (size, count) : (size / length, count, length);
        Layer layer = batch ? new BatchNorm1D(count, data.Epsilon, Momentum.NewWeight(1)) : new LayerNorm1D(size, data.Epsilon);
        gamma.CopyTo(layer.Parameters[0].Value, 0);
        beta.CopyTo(layer.Parameters[1].Value, 0);
        float[] x = new float[shape.Length];
        float[] dy = new float[x.Length];
        for (int s = 0; s < count; s++)
        {
            for (int i = 0; i < size; i++)
            {
                x[position(s, i)] = sets[s][i];
                dy[position(s, i)] = upstreams[s][i];
            }
        }

        float[] y = new float[x.Length];
        float[] dx = new float[x.Length];
        layer.Forward(x, shape, y);
        layer.Backward(x, dy, dx);

        ExactSum<T>[] dGamma = [.. Enumerable.Range(0, parameters).Select(_ => new ExactSum<T>())];
        ExactSum<T>[] dBeta = [.. Enumerable.Range(0, parameters).Select(_ => new ExactSum<T>())];
        for (int s = 0; s < count; s++)
        {
            Func<int, int> parameterOf = batch ? _ => s : i => i;
            float[] ownGamma = [.. Enumerable.Range(0, size).Select(i => gamma[parameterOf(i)])];
            float[] ownBeta = [.. Enumerable.Range(0, size).Select(i => beta[parameterOf(i)])];
            ExactNormalization<T> exact = new(sets[s], upstreams[s], ownGamma, ownBeta, data.Epsilon);
            for (int i = 0; i < size; i++)
            {
                Note(worst, "y", exact.Y[i].ErrorOf(y[position(s, i)]));
                Note(worst, "dx", exact.Dx[i].ErrorOf(dx[position(s, i)]));
                dGamma[parameterOf(i)].Add(T.From(upstreams[s][i]) * exact.XHat[i]);
                dBeta[parameterOf(i)].Add(T.From(upstreams[s][i]));
            }

            if (layer is BatchNorm1D { Running: { } running } && running.SkippedUpdates == 0)
            {
                T unbiased = exact.Variance * (T.From(size) / (size - 1));
                Note(worst, "running mean", new ExactNormalization<T>.Bounded(exact.Mean).ErrorOf(running.Mean[s]));
                Note(worst, "running variance", new ExactNormalization<T>.Bounded(unbiased).ErrorOf(running.Variance[s]));
            }
        }

        for (int p = 0; p < parameters; p++)
        {
            Note(worst, "dGamma", dGamma[p].ErrorOf(layer.Parameters[0].Gradient[p]));
            Note(worst, "dBeta", dBeta[p].ErrorOf(layer.Parameters[1].Gradient[p]));
        }
    }

    private static void Note(Dictionary<string, double> worst, string output, double error)
    {
        double before = worst.GetValueOrDefault(output);
        worst[output] = double.IsNaN(error) || double.IsNaN(before) ? double.NaN : Math.Max(before, error);
    }

    private static float[] Draw(int count, Func<float> draw)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = draw();
        }

        return values;
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
