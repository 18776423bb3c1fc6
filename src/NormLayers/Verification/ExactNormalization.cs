namespace NormLayers.Verification;

/// <summary>One index set, normalized forward and backward in arithmetic of many bits: what a layer's floats are measured against.</summary>
/// <remarks>
/// The formulas are from <see cref="NormReference"/>, with S the whole of x: [F1] … [F5] and [B3] … [B5]. The loops are its own, because they run in more
/// than 300 bits, or 100, and the reference's in double. <c>AccuracyCheckTests</c> holds both to the same results.
/// </remarks>
/// <typeparam name="T">The arithmetic.</typeparam>
internal sealed class ExactNormalization<T>
    where T : struct, IOracleNumber<T>
{
    /// <summary>Computes everything.</summary>
    /// <param name="x">The m elements of S.</param>
    /// <param name="dy">The gradient with respect to y, m elements.</param>
    /// <param name="gamma">The scale of each element.</param>
    /// <param name="beta">The shift of each element.</param>
    /// <param name="statistic">What is subtracted and what is divided by.</param>
    /// <param name="epsilon">ε, under the root.</param>
    /// <param name="corrections">Batch renormalization's R and D, constants: x̂ = R·z + D, with z = (x − mean)·r.</param>
    public ExactNormalization(float[] x, float[] dy, float[] gamma, float[] beta, Statistic statistic, double epsilon, (double R, double D)? corrections = null)
    {
        (T R, T D) = corrections is { } given ? (T.From(given.R), T.From(given.D)) : (T.From(1), T.From(0));
        int m = x.Length;
        bool centres = statistic == Statistic.MeanAndVariance;
        int divisor = statistic == Statistic.L2 ? 1 : m;
        T sum = T.From(0);
        foreach (float value in x)
        {
            sum += T.From(value);
        }

        Mean = centres ? sum / m : T.From(0); // [F1]
        T squares = T.From(0);
        foreach (float value in x)
        {
            T centred = T.From(value) - Mean;
            squares += centred * centred;
        }

        Variance = squares / divisor; // [F2]
        T rstd = (Variance + T.From(epsilon)).ReciprocalRoot(); // [F3]
        T[] z = Array.ConvertAll(x, v => (T.From(v) - Mean) * rstd); // [F4]
        XHat = corrections is null ? z : Array.ConvertAll(z, v => R * v + D);
        Y = new Bounded[m];
        Dx = new Bounded[m];
        T sumG = T.From(0);
        T sumGXHat = T.From(0);
        for (int i = 0; i < m; i++)
        {
            T scaled = T.From(gamma[i]) * (corrections is null ? z[i] : R * z[i]);
            T moved = T.From(gamma[i]) * D;
            Y[i] = new Bounded(scaled + moved + T.From(beta[i]), scaled, moved, T.From(beta[i])); // [F5]
            T g = T.From(gamma[i]) * T.From(dy[i]);
            sumG += centres ? g : T.From(0); // [B3]
            sumGXHat += g * z[i]; // [B4]
        }

        T meanG = sumG / m;
        T meanGXHat = sumGXHat / divisor;
        T scale = corrections is null ? rstd : R * rstd;
        for (int i = 0; i < m; i++)
        {
            T g = T.From(gamma[i]) * T.From(dy[i]);
            T along = z[i] * meanGXHat;
            Dx[i] = new Bounded(scale * (g - meanG - along), scale * g, scale * meanG, scale * along); // [B5]
        }
    }

    public T Mean { get; }

    public T Variance { get; }

    public T[] XHat { get; }

    public Bounded[] Y { get; }

    public Bounded[] Dx { get; }

    /// <summary>An exact result and its unit u: one float ulp at the larger of the result and the largest term of its last sum.</summary>
    public readonly struct Bounded
    {
        private readonly double _unit;

        public Bounded(T exact, params ReadOnlySpan<T> terms)
        {
            Exact = exact;
            double largest = Math.Abs(exact.ToDouble());
            foreach (T term in terms)
            {
                largest = Math.Max(largest, Math.Abs(term.ToDouble()));
            }

            // Below the smallest normal float the ulp stays that of the subnormals.
            _unit = Math.Max(float.Epsilon, Math.ScaleB(1, (largest == 0 ? -149 : Math.ILogB(largest)) - 23));
        }

        public T Exact { get; }

        /// <summary>How many u a float is off; NaN if it is not finite, unless the exact result lies beyond the floats too.</summary>
        public double ErrorOf(float actual) =>
            float.IsFinite(actual) ? (T.From(actual) - Exact).Absolute().ToDouble() / _unit : actual == (float)Exact.ToDouble() ? 0 : double.NaN;
    }
}
