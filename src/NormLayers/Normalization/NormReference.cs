namespace NormLayers;

/// <summary>The whole family of normalization layers as one formula over index sets: plain loops in double, the oracle of every layer.</summary>
/// <remarks>
/// <para>x̂ᵢ = (xᵢ − μ)·r and yᵢ = γ·x̂ᵢ + β, with μ and r of the set S that i belongs to, and γ, β of the set P of elements that share them. A layer is a choice of S, P and <see cref="Statistic"/>:</para>
/// <para>Layer normalization: <c>new(IndexSets.Rows(), IndexSets.Columns())</c>.</para>
/// <para>Batch normalization: <c>new(IndexSets.Channels, IndexSets.Channels)</c>.</para>
/// <para>Group normalization: <c>new(IndexSets.Groups(8), IndexSets.Channels)</c>.</para>
/// <para>Instance normalization: <c>new(IndexSets.Instances, IndexSets.Channels)</c>.</para>
/// <para>RMSNorm: <c>new(IndexSets.Rows(), IndexSets.Columns()) { Statistic = Statistic.RootMeanSquare }</c>.</para>
/// <para>ScaleNorm: <c>new(IndexSets.Rows(), IndexSets.All) { Statistic = Statistic.L2, EpsilonLimitsRoot = true }</c>.</para>
/// <para>The tags are the family's: [F1] … [F5] forward, [B1] … [B6] backward.</para>
/// </remarks>
public sealed class NormReference : ReferenceLayer
{
    private readonly IndexSets _partition;
    private readonly IndexSets _parameters;
    private int[][] _sets = [];
    private int[] _parameterOf = [];
    private double[] _y = [];

    /// <summary>A normalization with mean and variance, ε = 10⁻⁵ under the root, and no affine map, unless it is set otherwise.</summary>
    /// <param name="sets">S: the elements that are normalized together.</param>
    /// <param name="parameters">P: the elements that share one γ and one β; <see cref="Gamma"/> and <see cref="Beta"/> hold a value for each.</param>
    public NormReference(IndexSets sets, IndexSets parameters) => (_partition, _parameters) = (sets, parameters);

    /// <summary>What is subtracted and what is divided by.</summary>
    public Statistic Statistic { get; init; }

    /// <summary>ε, ≥ 0.</summary>
    public double Epsilon { get; init; } = 1e-5;

    /// <summary>Whether r = 1/(√v + ε) in place of 1/√(v + ε).</summary>
    public bool EpsilonOutsideRoot { get; init; }

    /// <summary>Whether r = 1/max(√v, ε) in place of 1/√(v + ε).</summary>
    public bool EpsilonLimitsRoot { get; init; }

    /// <summary>γ, a value for each set of P; null for 1 (with <see cref="OnePlusGamma"/>: for 0).</summary>
    public double[]? Gamma { get; init; }

    /// <summary>β, a value for each set of P; null for 0.</summary>
    public double[]? Beta { get; init; }

    /// <summary>Whether x̂ is scaled by 1 + γ in place of γ.</summary>
    public bool OnePlusGamma { get; init; }

    /// <summary>Whether y = max(0, γ·x̂ + β).</summary>
    public bool ReLU { get; init; }

    /// <summary>Which elements of x count, a value for each, or for each set of <see cref="MaskedTogether"/>; null for all. Where it is false, x and dy are not read, and y and dx are 0.</summary>
    public IReadOnlyList<bool>? Mask { get; init; }

    /// <summary>The elements that may share a value of <see cref="Mask"/>; null where each has its own.</summary>
    public IndexSets? MaskedTogether { get; init; }

    /// <summary>Mean and variance of each set where they do not come from x, as in evaluation with running statistics.</summary>
    public (double[] Mean, double[] Variance)? Given { get; init; }

    /// <summary>μ of each set in the last forward pass; 0 where the statistic has none, and for a set that is masked wholly.</summary>
    public double[] Mean { get; private set; } = [];

    /// <summary>v of each set: Σ(x − μ)²/m, Σx²/m or Σx², as <see cref="Statistic"/> says.</summary>
    public double[] Variance { get; private set; } = [];

    /// <summary>r of each set; 0 where its denominator is 0.</summary>
    public double[] Rstd { get; private set; } = [];

    /// <summary>x̂ of each element.</summary>
    public double[] XHat { get; private set; } = [];

    /// <summary>Σg/m of each set in the last backward pass, g being the gradient with respect to x̂; 0 where no gradient goes through a mean.</summary>
    public double[] MeanG { get; private set; } = [];

    /// <summary>Σg·x̂ of each set, divided as <see cref="Variance"/> is; 0 where no gradient goes through a variance.</summary>
    public double[] MeanGXHat { get; private set; } = [];

    /// <summary>dγ: backward passes add to it; null without γ.</summary>
    public double[]? DGamma => field ??= Gamma is null ? null : new double[Gamma.Length];

    /// <summary>dβ: backward passes add to it; null without β.</summary>
    public double[]? DBeta => field ??= Beta is null ? null : new double[Beta.Length];

    /// <inheritdoc/>
    public override IReadOnlyList<ReferenceParameter> Parameters =>
    [
        .. Gamma is null ? (ReadOnlySpan<ReferenceParameter>)[] : [new("gamma", Gamma, DGamma!)],
        .. Beta is null ? (ReadOnlySpan<ReferenceParameter>)[] : [new("beta", Beta, DBeta!)],
    ];

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">Lengths do not fit the shape, or the index sets do not.</exception>
    public override double[] Forward(double[] x, Shape shape)
    {
        Prepare(x, shape);
        for (int s = 0; s < _sets.Length; s++)
        {
            int[] S = _sets[s];
            double sum = 0;
            double squares = 0;
            foreach (int i in S)
            {
                sum += x[i];
            }

            double mean = Statistic == Statistic.MeanAndVariance ? sum / S.Length : 0; // [F1]
            foreach (int i in S)
            {
                squares += (x[i] - mean) * (x[i] - mean);
            }

            double variance = squares / Divisor(S); // [F2]
            (Mean[s], Variance[s]) = Given is { } given ? (given.Mean[s], given.Variance[s]) : S.Length > 0 ? (mean, variance) : (0, 0);
            double root = EpsilonOutsideRoot ? Math.Sqrt(Variance[s]) + Epsilon
                : EpsilonLimitsRoot ? Math.Max(Math.Sqrt(Variance[s]), Epsilon)
                : Math.Sqrt(Variance[s] + Epsilon);
            Rstd[s] = root == 0 ? 0 : 1 / root; // [F3]
            foreach (int i in S)
            {
                XHat[i] = (x[i] - Mean[s]) * Rstd[s]; // [F4]
                _y[i] = Scale(i) * XHat[i] + (Beta is null ? 0 : Beta[_parameterOf[i]]); // [F5]
            }
        }

        return ReLU ? Array.ConvertAll(_y, v => v <= 0 ? 0 : v) : _y;
    }

    /// <inheritdoc/>
    public override double[] Backward(double[] dy)
    {
        Throw.IfLengthDiffers(dy.Length, _y.Length, nameof(dy));
        double[] dx = new double[dy.Length];
        dy = ReLU ? [.. dy.Zip(_y, (d, v) => v <= 0 ? 0 : d)] : dy;
        (MeanG, MeanGXHat) = (new double[_sets.Length], new double[_sets.Length]);
        for (int s = 0; s < _sets.Length; s++)
        {
            int[] S = _sets[s];
            double sumG = 0;
            double sumGXHat = 0;
            foreach (int i in S)
            {
                double g = Scale(i) * dy[i];
                DBeta?[_parameterOf[i]] += dy[i]; // [B1]
                DGamma?[_parameterOf[i]] += dy[i] * XHat[i]; // [B2]
                sumG += Statistic == Statistic.MeanAndVariance ? g : 0; // [B3]
                sumGXHat += g * XHat[i]; // [B4]
            }

            // dr/dv is −r³/2, and with ε outside the root −r²/(2√v): larger by 1/(r√v) = 1 + ε/√v. Where ε limits the root, r is a constant.
            sumGXHat *= EpsilonOutsideRoot && Variance[s] > 0 ? 1 + Epsilon / Math.Sqrt(Variance[s])
                : EpsilonLimitsRoot && Math.Sqrt(Variance[s]) <= Epsilon ? 0
                : 1;
            foreach (int i in S)
            {
                double g = Scale(i) * dy[i];
                dx[i] = Given is null
                    ? Rstd[s] * (g - sumG / S.Length - XHat[i] * sumGXHat / Divisor(S)) // [B5]
                    : Rstd[s] * g; // [B6]
            }

            (MeanG[s], MeanGXHat[s]) = Given is null && S.Length > 0 ? (sumG / S.Length, sumGXHat / Divisor(S)) : (0, 0);
        }

        return dx;
    }

    private double Divisor(int[] S) => Statistic == Statistic.L2 ? 1 : S.Length;

    private double Scale(int i) => OnePlusGamma
        ? 1 + (Gamma is null ? 0 : Gamma[_parameterOf[i]])
        : Gamma is null ? 1 : Gamma[_parameterOf[i]];

    private void Prepare(double[] x, Shape shape)
    {
        Throw.IfLengthDiffers(x.Length, shape, nameof(x));
        int[]? maskOf = Mask is null || Mask.Count == x.Length ? null : MaskedTogether?.NumberOf(shape);
        Throw.IfLengthDiffers(Mask?.Count ?? x.Length, maskOf is null ? x.Length : maskOf.DefaultIfEmpty(-1).Max() + 1, nameof(Mask));
        _sets = Array.ConvertAll(_partition.Of(shape), S => Array.FindAll(S, i => Mask is null || Mask[maskOf is null ? i : maskOf[i]]));
        _parameterOf = _parameters.NumberOf(shape);
        foreach (double[]? values in (double[]?[])[Gamma, Beta])
        {
            int needed = _parameterOf.DefaultIfEmpty(-1).Max() + 1;
            if (values?.Length < needed)
            {
                Throw.Argument(values == Gamma ? nameof(Gamma) : nameof(Beta), $"{needed} values for shape {shape}", $"{values.Length}");
            }
        }

        (Mean, Variance, Rstd) = (new double[_sets.Length], new double[_sets.Length], new double[_sets.Length]);
        (XHat, _y) = (new double[x.Length], new double[x.Length]);
    }
}
