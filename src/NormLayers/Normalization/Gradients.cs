namespace NormLayers.Normalization;

/// <summary>What a backward pass is given and what it writes.</summary>
internal ref struct Gradients
{
    /// <summary>The gradient with respect to y.</summary>
    public required ReadOnlySpan<float> Dy;

    /// <summary>Overwritten with the gradient with respect to x; may be dy; empty if not wanted.</summary>
    public required Span<float> Dx;

    /// <summary>Added to; empty if not wanted.</summary>
    public Span<float> DGamma;

    /// <summary>Added to; empty if not wanted.</summary>
    public Span<float> DBeta;

    /// <summary>Where γ and β serve several passes: Σdy and Σdy·x̂ of each channel are added here, (2, C), and no dγ and dβ are given; else empty.</summary>
    public Span<double> Totals;

    /// <summary>Where a ReLU is part of the layer, y; else empty.</summary>
    public ReadOnlySpan<float> Output;

    /// <summary>With a ReLU: overwritten with the gradient before it; may be dy or dx.</summary>
    public Span<float> Masked;

    /// <summary>The part for some elements, without dγ and dβ.</summary>
    public readonly Gradients Slice(int start, int length) => new()
    {
        Dy = Dy.Slice(start, length),
        Dx = Dx.IsEmpty ? default : Dx.Slice(start, length),
        Output = Output.IsEmpty ? default : Output.Slice(start, length),
        Masked = Masked.IsEmpty ? default : Masked.Slice(start, length),
    };

    /// <summary>The gradient with respect to γ·x̂ + β: dy, or with a ReLU what <see cref="Mask"/> writes.</summary>
    public readonly ReadOnlySpan<float> BeforeReLU => Output.IsEmpty ? Dy : Masked;

    /// <summary>The ReLU's; empty without one.</summary>
    public readonly ReLUMask Mask => Output.IsEmpty ? default : new ReLUMask(Output, Dy, Masked);
}
