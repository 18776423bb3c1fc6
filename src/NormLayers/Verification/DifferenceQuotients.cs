namespace NormLayers.Verification;

/// <summary>Derivatives of Σ dy·y by central differences, with steps that follow the function and an uncertainty that is measured.</summary>
/// <remarks>
/// For one element θ the quotients are taken at steps h that are powers of 4, from the spacing of numbers at θ to far beyond all values. Two
/// neighbours give r = (16·q(h) − q(4h))/15, whose error is of order h⁴. The uncertainty of r is what it differs from the r of the neighbouring
/// steps, and what rounding does to the outputs, divided by h. A step counts where the outputs' own quotients agree with the quotients of the step below
/// to within half: smaller steps drown in rounding, larger ones have left the surroundings of θ.
/// </remarks>
internal sealed class DifferenceQuotients
{
    private const double Doubt = 4;

    private readonly ReferenceLayer _layer;
    private readonly double[] _x;
    private readonly Shape _shape;
    private readonly double[] _dy;
    private readonly double[] _y;
    private readonly double[] _noise;
    private readonly bool _single;

    /// <summary>Prepares the quotients of one function at one point.</summary>
    /// <param name="layer">The function; its forward pass is called with changed parameters, which are restored.</param>
    /// <param name="x">Its input.</param>
    /// <param name="shape">The input's shape.</param>
    /// <param name="dy">The weights of the outputs.</param>
    /// <param name="y">The outputs.</param>
    /// <param name="noise">What the outputs may be off by, beside the rounding of their own values.</param>
    /// <param name="single">Whether the function computes in float.</param>
    public DifferenceQuotients(ReferenceLayer layer, double[] x, Shape shape, double[] dy, double[] y, double[] noise, bool single)
    {
        (_layer, _x, _shape, _dy, _y, _noise, _single) = (layer, x, shape, dy, y, noise, single);
        Roundoff = single ? Math.ScaleB(1, -24) : Math.ScaleB(1, -53);
    }

    private double Roundoff { get; }

    /// <summary>The derivative with respect to one element, and how far a gradient is from it beyond doubt.</summary>
    /// <param name="tensor">The tensor, whose element is changed and restored.</param>
    /// <param name="index">The element.</param>
    /// <param name="gradient">The gradient that is claimed.</param>
    /// <param name="allowed">How far it may be off.</param>
    /// <param name="step">The step that served the tensor's last element; 0 for none. Overwritten with the one that served.</param>
    /// <returns>The quotient, and <paramref name="allowed"/> with the quotient's own uncertainty.</returns>
    public (double Numeric, double Allowed) Compare(double[] tensor, int index, double gradient, double allowed, ref double step)
    {
        double value = tensor[index];
        if (step >= 4 * Spacing(value))
        {
            double near = (16 * At(tensor, index, step).Quotient - At(tensor, index, 4 * step).Quotient) / 15;

            // 0 may also mean that the step is lost in rounding.
            if (near != 0 && Math.Abs(near - gradient) <= allowed)
            {
                return (near, allowed);
            }
        }

        List<Rung> rungs = Ladder(tensor, index);
        if (rungs.Count == 0)
        {
            return (double.NaN, allowed);
        }

        IEnumerable<Rung> valid = rungs.Where(r => r.Valid);
        Rung best = (valid.Any() ? valid : rungs).MinBy(r => r.Uncertainty)!;
        step = best.Step;
        double disagreement = Math.Abs(best.Value - gradient);
        if (disagreement <= allowed + Doubt * best.Uncertainty)
        {
            return (best.Value, allowed + Doubt * best.Uncertainty);
        }

        // A kink near θ: a smaller step that resolves the disagreement has the last word.
        foreach (Rung rung in rungs.Where(r => r.Step < best.Step && r.Uncertainty <= 0.001 * disagreement))
        {
            if (Math.Abs(rung.Value - gradient) <= allowed + Doubt * rung.Uncertainty)
            {
                return (rung.Value, allowed + Doubt * rung.Uncertainty);
            }
        }

        // A kink at θ itself: any slope between the slopes of the two sides, or between them and 0, is right, 0 being what a ReLU says of itself.
        (double low, double high) = Sides(tensor, index, best);
        double nearest = Math.Clamp(gradient, low, high);
        return Math.Abs(nearest - gradient) <= allowed ? (nearest, allowed) : (best.Value, allowed + Doubt * best.Uncertainty);
    }

    private List<Rung> Ladder(double[] tensor, int index)
    {
        double value = tensor[index];
        double meanSquare = tensor.Sum(v => v * v) / tensor.Length;
        double size = meanSquare > 0 && double.IsFinite(meanSquare) ? Math.Sqrt(meanSquare) : 1;
        double lowest = Math.Max(4 * Spacing(value), Math.ScaleB(value == 0 ? Math.Min(1, size) : Math.Abs(value), _single ? -20 : value == 0 ? -56 : -44));
        int first = (int)Math.Floor(Math.Log2(lowest) / 2);
        int last = (int)Math.Ceiling(Math.Log2(Math.Max(1, Math.Max(size, Math.Abs(value)))) / 2) + 6;
        bool[] depends = new bool[_dy.Length];
        List<(double Step, double Quotient, double[] Slopes, double Rounding)> samples = [];
        for (int k = first; k <= last; k++)
        {
            double h = Math.ScaleB(1, 2 * k);
            (double quotient, double[] slopes, double rounding) = At(tensor, index, h);
            if (!double.IsFinite(quotient))
            {
                samples.Clear();
                if (k > first && h > Math.Abs(value))
                {
                    break;
                }

                continue;
            }

            for (int i = 0; i < slopes.Length; i++)
            {
                depends[i] |= slopes[i] != 0;
            }

            samples.Add((h, quotient, slopes, rounding));
        }

        double noise = 0;
        for (int i = 0; i < depends.Length; i++)
        {
            noise += depends[i] ? Math.Abs(_dy[i]) * (_noise[i] + Roundoff * Math.Abs(_y[i])) : 0;
        }

        double[] values = [.. samples.Take(Math.Max(0, samples.Count - 1)).Select((s, k) => (16 * s.Quotient - samples[k + 1].Quotient) / 15)];
        List<Rung> rungs = [];
        for (int k = 1; k < values.Length; k++)
        {
            double above = k + 1 < values.Length ? Math.Abs(values[k] - values[k + 1]) / 16 : 0;
            double uncertainty = Math.Max(Math.Abs(values[k] - values[k - 1]), above) + 2 * (noise + samples[k].Rounding) / samples[k].Step;
            rungs.Add(new Rung(samples[k].Step, values[k], uncertainty, Agree(samples[k - 1].Slopes, samples[k].Slopes)));
        }

        return rungs;
    }

    // The outputs' quotients at one step and at a quarter of it: in noise, and where the function has bent away, they differ by more than half.
    private bool Agree(double[] below, double[] at)
    {
        double difference = 0;
        double size = 0;
        for (int i = 0; i < at.Length; i++)
        {
            difference += Math.Abs(_dy[i] * (at[i] - below[i]));
            size += Math.Abs(_dy[i] * at[i]);
        }

        return difference <= 0.5 * size && size > 0;
    }

    private (double Quotient, double[] Slopes, double Rounding) At(double[] tensor, int index, double h)
    {
        double value = tensor[index];
        (double high, double low) = (Representable(value + h), Representable(value - h));
        tensor[index] = high;
        double[] above = [.. _layer.Forward(_x, _shape)];
        tensor[index] = low;
        double[] below = _layer.Forward(_x, _shape);
        tensor[index] = value;
        double[] slopes = new double[_dy.Length];
        (double sum, double rounding) = (0, 0);
        for (int i = 0; i < slopes.Length; i++)
        {
            slopes[i] = (above[i] - below[i]) / (high - low);
            sum += _dy[i] * slopes[i];
            rounding += slopes[i] == 0 ? 0 : Math.Abs(_dy[i]) * Roundoff * Math.Max(Math.Abs(above[i]), Math.Abs(below[i]));
        }

        return (sum, slopes, rounding);
    }

    // The slopes of both sides, if they differ by the same at two steps: a function without a kink has a quarter of the difference at a quarter of the step.
    private (double Low, double High) Sides(double[] tensor, int index, Rung best)
    {
        (double left, double right) = SidesAt(tensor, index, best.Step);
        (double leftBelow, double rightBelow) = SidesAt(tensor, index, best.Step / 4);
        double gap = right - left;
        return Math.Abs(gap - (rightBelow - leftBelow)) <= 0.1 * Math.Abs(gap) && Math.Abs(gap) > 20 * best.Uncertainty
            ? (Math.Min(0, Math.Min(left, right)), Math.Max(0, Math.Max(left, right)))
            : (best.Value, best.Value);
    }

    private (double Left, double Right) SidesAt(double[] tensor, int index, double h)
    {
        double value = tensor[index];
        (double high, double low) = (Representable(value + h), Representable(value - h));
        tensor[index] = high;
        double[] above = [.. _layer.Forward(_x, _shape)];
        tensor[index] = low;
        double[] below = _layer.Forward(_x, _shape);
        tensor[index] = value;
        (double left, double right) = (0, 0);
        for (int i = 0; i < _dy.Length; i++)
        {
            left += _dy[i] * ((_y[i] - below[i]) / (value - low));
            right += _dy[i] * ((above[i] - _y[i]) / (high - value));
        }

        return (left, right);
    }

    private double Representable(double value) => _single ? (float)value : value;

    private double Spacing(double value) =>
        _single ? (double)MathF.BitIncrement(MathF.Abs((float)value)) - MathF.Abs((float)value) : Math.BitIncrement(Math.Abs(value)) - Math.Abs(value);

    /// <summary>What one step gives.</summary>
    private sealed record Rung(double Step, double Value, double Uncertainty, bool Valid);
}
