using System.Numerics.Tensors;
using NormLayers.Normalization;

namespace NormLayers;

/// <summary>The statistics of a forward pass, one for each row, channel, or channel of a chunk, kept for the backward pass.</summary>
/// <remarks>A forward pass overwrites them. It allocates only where it has more rows or channels than any before. Not for use by two threads at once.</remarks>
public sealed class NormStatistics
{
    private double[] _mean = [];
    private double[] _low = [];
    private double[] _variance = [];
    private double[] _rstd = [];
    private double[] _r = [];
    private double[] _d = [];
    private bool _corrected;
    private bool _given;
    private bool _withVariance;

    /// <summary>How many rows or channels the last forward pass had.</summary>
    public int Count { get; private set; }

    /// <summary>The mean of each, (N) or (C); zeros for a statistic without a mean.</summary>
    /// <remarks>Rounded to double; what that leaves of a mean of many standard deviations is kept too, and used by the backward pass.</remarks>
    public ReadOnlySpan<double> Mean => _mean.AsSpan(0, Count);

    /// <summary>
    /// The biased variance of each channel after a pass of batch, ghost batch, batch re- or instance normalization, and of each group where planes have
    /// 16 elements and more and no mask is given; after another pass empty.
    /// </summary>
    public ReadOnlySpan<double> Variance => _withVariance ? Variances : default;

    /// <summary>r of each, (N) or (C), in x̂ = (x − mean)·r: 1/√(variance + ε), or that of the layer's own formula.</summary>
    public ReadOnlySpan<double> Rstd => _rstd.AsSpan(0, Count);

    /// <summary>R of each channel, (C), after a pass of batch renormalization, x̂ = R·(x − μ)/s + D; else empty.</summary>
    public ReadOnlySpan<double> R => Corrections.R;

    /// <summary>D of each channel, as <see cref="R"/>.</summary>
    public ReadOnlySpan<double> D => Corrections.D;

    /// <summary>To be overwritten with R and D; empty unless <see cref="Resize"/> allocated them.</summary>
    internal Corrections Corrections => _corrected ? new(_r.AsSpan(0, Count), _d.AsSpan(0, Count)) : default;

    /// <summary>All that the backward pass needs of the sets themselves.</summary>
    internal SetStatistics Sets => new(_mean.AsSpan(0, Count), _given ? default : _low.AsSpan(0, Count), _rstd.AsSpan(0, Count));

    /// <summary>To be overwritten with the variances.</summary>
    internal Span<double> Variances => _variance.AsSpan(0, Count);

    /// <summary>Statistics that another forward pass has computed.</summary>
    /// <param name="mean">The mean of each row or channel.</param>
    /// <param name="rstd">1/√(variance + ε) of each, as many.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static NormStatistics From(ReadOnlySpan<double> mean, ReadOnlySpan<double> rstd)
    {
        Throw.IfLengthDiffers(rstd.Length, mean.Length, nameof(rstd));
        NormStatistics statistics = new();
        statistics.Resize(mean.Length);
        mean.CopyTo(statistics._mean);
        rstd.CopyTo(statistics._rstd);
        return statistics;
    }

    /// <summary>Overwrites the means and the variances, or deviations, by floats, which have no low part: after <see cref="Resize"/>, until the next.</summary>
    internal void CopyFrom(ReadOnlySpan<float> mean, ReadOnlySpan<float> variance)
    {
        _given = true;
        TensorPrimitives.ConvertChecked<float, double>(mean, _mean);
        TensorPrimitives.ConvertChecked<float, double>(variance, _variance);
    }

    /// <summary>Resizes to so many rows or channels, with r and d of each if corrected; their values are old ones or zeros.</summary>
    /// <param name="count">How many.</param>
    /// <param name="corrected">Whether <see cref="Corrections"/> are to be overwritten too.</param>
    /// <param name="withVariance">Whether <see cref="Variance"/> shows the variances.</param>
    internal NormStatistics Resize(int count, bool corrected = false, bool withVariance = false)
    {
        (_corrected, _given, _withVariance) = (corrected, false, withVariance);
        if (corrected && _r.Length < count)
        {
            (_r, _d) = (new double[count], new double[count]);
        }

        if (_rstd.Length < count)
        {
            (_mean, _low, _variance, _rstd) = (new double[count], new double[count], new double[count], new double[count]);
        }

        Count = count;
        return this;
    }
}
