namespace NormLayers.Verification;

/// <summary>One index set, normalized forward and backward in arithmetic of many bits: what a layer's floats are measured against.</summary>
/// <remarks>The formulas are those of the layers' pages: [F1] … [F5] and [B3] … [B5], with S the whole of x.</remarks>
/// <typeparam name="T">The arithmetic.</typeparam>
internal sealed class ExactNormalization<T>
    where T : struct, IOracleNumber<T>
{
    /// <summary>Computes everything.</summary>
    /// <param name="x">The m elements of S.</param>
    /// <param name="dy">The gradient with respect to y, m elements.</param>
    /// <param name="gamma">The scale of each element.</param>
    /// <param name="beta">The shift of each element.</param>
    /// <param name="epsilon">ε.</param>
    public ExactNormalization(float[] x, float[] dy, float[] gamma, float[] beta, double epsilon)
    {
        int m = x.Length;
        T sum = T.From(0);
        foreach (float value in x)
        {
            sum += T.From(value);
        }

        Mean = sum / m;
        T squares = T.From(0);
        foreach (float value in x)
        {
            T centred = T.From(value) - Mean;
            squares += centred * centred;
        }

        Variance = squares / m;
        T rstd = (Variance + T.From(epsilon)).ReciprocalRoot();
        XHat = Array.ConvertAll(x, v => (T.From(v) - Mean) * rstd);
        Y = new Bounded[m];
        Dx = new Bounded[m];
        T sumG = T.From(0);
        T sumGXHat = T.From(0);
        for (int i = 0; i < m; i++)
        {
            T scaled = T.From(gamma[i]) * XHat[i];
            Y[i] = new Bounded(scaled + T.From(beta[i]), scaled, T.From(beta[i]));
            T g = T.From(gamma[i]) * T.From(dy[i]);
            sumG += g;
            sumGXHat += g * XHat[i];
        }

        T meanG = sumG / m;
        T meanGXHat = sumGXHat / m;
        for (int i = 0; i < m; i++)
        {
            T g = T.From(gamma[i]) * T.From(dy[i]);
            T along = XHat[i] * meanGXHat;
            Dx[i] = new Bounded(rstd * (g - meanG - along), rstd * g, rstd * meanG, rstd * along);
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
        private readonly T _exact;
        private readonly double _unit;

        public Bounded(T exact, params ReadOnlySpan<T> terms)
        {
            _exact = exact;
            double largest = Math.Abs(exact.ToDouble());
            foreach (T term in terms)
            {
                largest = Math.Max(largest, Math.Abs(term.ToDouble()));
            }

            // Below the smallest normal float the ulp stays that of the subnormals.
            _unit = Math.Max(float.Epsilon, Math.ScaleB(1, (largest == 0 ? -149 : Math.ILogB(largest)) - 23));
        }

        /// <summary>How many u a float is off.</summary>
        public double ErrorOf(float actual) =>
            float.IsFinite(actual) ? (T.From(actual) - _exact).Absolute().ToDouble() / _unit : double.NaN;
    }
}
