namespace NormLayers.Verification;

/// <summary>One index set, normalized forward and backward in exact arithmetic: what a layer's floats are measured against.</summary>
/// <remarks>The formulas are those of the layers' pages: [F1] … [F5] and [B3] … [B5], with S the whole of x.</remarks>
internal sealed class ExactNormalization
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
        ExactNumber sum = 0;
        foreach (float value in x)
        {
            sum += value;
        }

        Mean = sum / m;
        ExactNumber squares = 0;
        foreach (float value in x)
        {
            squares += (value - Mean) * (value - Mean);
        }

        Variance = squares / m;
        ExactNumber rstd = (Variance + epsilon).ReciprocalRoot();
        XHat = Array.ConvertAll(x, v => (v - Mean) * rstd);
        Y = new Bounded[m];
        Dx = new Bounded[m];
        ExactNumber sumG = 0;
        ExactNumber sumGXHat = 0;
        for (int i = 0; i < m; i++)
        {
            ExactNumber scaled = gamma[i] * XHat[i];
            Y[i] = new Bounded(scaled + beta[i], scaled, beta[i]);
            ExactNumber g = (ExactNumber)gamma[i] * dy[i];
            sumG += g;
            sumGXHat += g * XHat[i];
        }

        ExactNumber meanG = sumG / m;
        ExactNumber meanGXHat = sumGXHat / m;
        for (int i = 0; i < m; i++)
        {
            ExactNumber g = (ExactNumber)gamma[i] * dy[i];
            ExactNumber along = XHat[i] * meanGXHat;
            Dx[i] = new Bounded(rstd * (g - meanG - along), rstd * g, rstd * meanG, rstd * along);
        }
    }

    public ExactNumber Mean { get; }

    public ExactNumber Variance { get; }

    public ExactNumber[] XHat { get; }

    public Bounded[] Y { get; }

    public Bounded[] Dx { get; }

    /// <summary>An exact result and its unit u: one float ulp at the larger of the result and the largest term of its last sum.</summary>
    public readonly struct Bounded
    {
        private readonly ExactNumber _exact;
        private readonly double _unit;

        public Bounded(ExactNumber exact, params ReadOnlySpan<ExactNumber> terms)
        {
            _exact = exact;
            double largest = Math.Abs(exact.ToDouble());
            foreach (ExactNumber term in terms)
            {
                largest = Math.Max(largest, Math.Abs(term.ToDouble()));
            }

            // Below the smallest normal float the ulp stays that of the subnormals.
            _unit = Math.Max(float.Epsilon, Math.ScaleB(1, (largest == 0 ? -149 : Math.ILogB(largest)) - 23));
        }

        /// <summary>How many u a float is off.</summary>
        public double ErrorOf(float actual) =>
            float.IsFinite(actual) ? ((ExactNumber)actual - _exact).Absolute().ToDouble() / _unit : double.NaN;
    }
}
