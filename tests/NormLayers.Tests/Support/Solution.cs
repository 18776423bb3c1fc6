using NormLayers.Tests.Checks;

namespace NormLayers.Tests.Support;

/// <summary>Both passes of a reference, and the magnitude of each result: the larger of itself and the largest term of its last sum.</summary>
internal sealed record Solution
{
    public required NormReference Norm { get; init; }

    /// <summary>The index set of each element.</summary>
    public required int[] SetOf { get; init; }

    /// <summary>Which γ and β each element has.</summary>
    public required int[] ParameterOf { get; init; }

    /// <summary>The factor of x̂ in y, for each element.</summary>
    public required double[] Scale { get; init; }

    public required Result Y { get; init; }

    public required Result Dx { get; init; }

    /// <summary>dγ, added to what the reference held before; null without γ.</summary>
    public Result? DGamma { get; init; }

    public Result? DBeta { get; init; }

    public static Solution Of(Family family, NormReference norm, double[] x, Shape shape, double[] dy)
    {
        Result? dGamma = norm.DGamma is { } sumsXHat ? new(sumsXHat, Array.ConvertAll(sumsXHat, Math.Abs)) : null;
        Result? dBeta = norm.DBeta is { } sums ? new(sums, Array.ConvertAll(sums, Math.Abs)) : null;
        Result y = Result.Of(norm.Forward(x, shape));
        Result dx = Result.Of(norm.Backward(dy));
        (int[] setOf, int[] parameterOf) = (family.Sets.NumberOf(shape), family.Parameters.NumberOf(shape));
        double[] scale = Array.ConvertAll(parameterOf, p => (norm.Gamma is null ? family.OnePlusGamma ? 0 : 1 : norm.Gamma[p]) + (family.OnePlusGamma ? 1 : 0));
        for (int i = 0; i < x.Length; i++)
        {
            if (norm.Mask?[i] == false)
            {
                continue;
            }

            (int s, int p, double xHat) = (setOf[i], parameterOf[i], norm.XHat[i]);
            y.Note(i, scale[i] * xHat);
            y.Note(i, norm.Beta is null ? 0 : norm.Beta[p]);
            dx.Note(i, norm.Rstd[s] * scale[i] * dy[i]);
            dx.Note(i, norm.Rstd[s] * norm.MeanG[s]);
            dx.Note(i, norm.Rstd[s] * xHat * norm.MeanGXHat[s]);
            dGamma?.Note(p, dy[i] * xHat);
            dBeta?.Note(p, dy[i]);
        }

        for (int p = 0; p < dGamma?.Exact.Length; p++)
        {
            dGamma.Note(p, dGamma.Exact[p]);
        }

        for (int p = 0; p < dBeta?.Exact.Length; p++)
        {
            dBeta.Note(p, dBeta.Exact[p]);
        }

        return new Solution
        {
            Norm = norm,
            SetOf = setOf,
            ParameterOf = parameterOf,
            Scale = scale,
            Y = y,
            Dx = dx,
            DGamma = dGamma,
            DBeta = dBeta,
        };
    }

    /// <summary>One output.</summary>
    /// <param name="Exact">The values.</param>
    /// <param name="Magnitude">The larger of each value and the largest term of its last sum.</param>
    public sealed record Result(double[] Exact, double[] Magnitude)
    {
        public static Result Of(double[] exact) => new(exact, Array.ConvertAll(exact, Math.Abs));

        public void Note(int i, double term) => Magnitude[i] = Math.Max(Magnitude[i], Math.Abs(term));
    }
}
