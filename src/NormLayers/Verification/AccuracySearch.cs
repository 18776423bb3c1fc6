using NormLayers.Numerics;

namespace NormLayers.Verification;

/// <summary>Searches for the worst error of y and dx: one value of a small set is changed at a time, and what makes the error larger is kept.</summary>
/// <remarks>Random data say little about a worst case (docs/numerics.md, the contract of error). A search is no proof either: what it finds is a lower bound of the worst error.</remarks>
public static class AccuracySearch
{
    private const int SmallestSet = 3;
    private const int LargestSet = 7;
    private const int Steps = 3000;
    private const double Epsilon = 1e-5;

    // The layers of AccuracyCheck with a shape of one set of m elements, or of two.
    private static readonly (string Layer, Func<int, Shape> Shape)[] _layers =
        [("LayerNorm1D", m => (1, m)), ("BatchNorm1D", m => (m, 1)), ("RmsNorm", m => (1, m)), ("GroupNorm", m => (1, 2 * m)), ("InstanceNorm", m => (1, 1, m))];

    /// <summary>Runs searches for y and for dx of each layer.</summary>
    /// <param name="searches">How many searches, from new random data each, at least 1.</param>
    /// <param name="seed">The seed of the data.</param>
    /// <param name="cancellationToken">Stops between two searches.</param>
    /// <returns>A row for each layer and output: the worst error found, beside the proved bound.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="searches"/> is less than 1.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IReadOnlyList<AccuracyRow> Run(int searches = 100, ulong seed = 1, CancellationToken cancellationToken = default) =>
        Run(searches, Steps, seed, cancellationToken);

    internal static IReadOnlyList<AccuracyRow> Run(int searches, int steps, ulong seed, CancellationToken cancellationToken)
    {
        Throw.IfNotPositive(searches, nameof(searches));
        (string Name, Func<int, Shape> ShapeOf, bool Forward)[] kinds = [.. from l in _layers from forward in (bool[])[true, false] select (l.Layer, l.Shape, forward)];
        AccuracyRow[] rows = new AccuracyRow[kinds.Length];
        Threads.For(kinds.Length, kind =>
        {
            (string name, Func<int, Shape> shapeOf, bool forward) = kinds[kind];
            AccuracyCheck.Subject subject = AccuracyCheck.Subjects.Single(s => s.Name == name);
            RandomSource random = new(seed);
            double worst = 0;
            for (int i = 0; i < searches && !cancellationToken.IsCancellationRequested; i++)
            {
                Shape shape = shapeOf(SmallestSet + random.NextInt(LargestSet - SmallestSet + 1));
                double found = new Search(subject, shape, forward, withBeta: i % 2 == 1 && subject.HasBeta, random).Climb(steps);
                worst = double.IsNaN(found) || double.IsNaN(worst) ? double.NaN : Math.Max(worst, found);
            }

            rows[kind] = new AccuracyRow(name, $"{searches} searches", forward ? "y" : "dx", worst, forward ? subject.YBound : subject.DxBound);
        });
        cancellationToken.ThrowIfCancellationRequested();
        return rows;
    }

    /// <summary>One climb: a set, or as many as the layer's smallest tensor has, their gradient and their parameters.</summary>
    private sealed class Search
    {
        private readonly AccuracyCheck.Subject _subject;
        private readonly Shape _shape;
        private readonly bool _forward;
        private readonly RandomSource _random;
        private readonly Layer _layer;
        private readonly (int[] Elements, int[] Parameters)[] _sets;
        private readonly float[] _gamma;
        private readonly float[] _beta;
        private readonly float[] _x;
        private readonly float[] _dy;
        private readonly float[] _y;
        private readonly float[] _dx;
        private readonly (float[] Values, double Mean)[] _variables;

        public Search(AccuracyCheck.Subject subject, Shape shape, bool forward, bool withBeta, RandomSource random)
        {
            (_subject, _shape, _forward, _random) = (subject, shape, forward, random);
            _layer = subject.Create(shape, Epsilon);
            int[] parameterOf = subject.Parameters.NumberOf(shape);
            _sets = [.. subject.Sets.Of(shape).Select(S => (S, Array.ConvertAll(S, i => parameterOf[i])))];
            _gamma = _layer.Parameters[0].Value;
            _beta = subject.HasBeta ? _layer.Parameters[1].Value : new float[_gamma.Length];
            (_x, _dy, _y, _dx) = (new float[shape.Length], new float[shape.Length], new float[shape.Length], new float[shape.Length]);

            // β has a part in y only, dy in dx only.
            _variables = [(_x, 0), (_gamma, 1), .. forward ? (ReadOnlySpan<(float[], double)>)(withBeta ? [(_beta, 0)] : []) : [(_dy, 0.4)]];
            foreach ((float[] values, double mean) in _variables)
            {
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = Draw(mean);
                }
            }
        }

        /// <summary>Takes steps, and returns the error that it has come to.</summary>
        public double Climb(int steps)
        {
            double error = Error();
            for (int step = 0; step < steps && !double.IsNaN(error); step++)
            {
                (float[] values, double mean) = _variables[_random.NextInt(_variables.Length)];
                int i = _random.NextInt(values.Length);
                float before = values[i];

                // A new value, or a change of any size down to the last digits.
                values[i] = _random.NextInt(2) == 0 ? Draw(mean) : (float)(before * (1 + _random.NextNormal() * Math.Pow(10, -_random.NextDouble(0, 7))));
                double after = Error();
                if (after < error)
                {
                    values[i] = before;
                }
                else
                {
                    error = after;
                }
            }

            return error;
        }

        private float Draw(double mean) => (float)(mean + _random.NextNormal());

        private double Error()
        {
            _layer.Forward(_x, _shape, _y);
            if (!_forward)
            {
                _layer.Backward(_x, _dy, _dx);
            }

            double worst = 0;
            foreach ((int[] elements, int[] parameters) in _sets)
            {
                ExactNormalization<DoubleDouble> exact = new(
                    Array.ConvertAll(elements, i => _x[i]),
                    Array.ConvertAll(elements, i => _dy[i]),
                    Array.ConvertAll(parameters, p => _gamma[p]),
                    Array.ConvertAll(parameters, p => _beta[p]),
                    _subject.Statistic,
                    Epsilon);
                (ExactNormalization<DoubleDouble>.Bounded[] expected, float[] actual) = _forward ? (exact.Y, _y) : (exact.Dx, _dx);
                for (int k = 0; k < elements.Length; k++)
                {
                    double error = expected[k].ErrorOf(actual[elements[k]]);
                    worst = double.IsNaN(error) ? double.NaN : Math.Max(worst, error);
                }
            }

            return worst;
        }
    }
}
