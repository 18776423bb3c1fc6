using System.Runtime.CompilerServices;

namespace NormLayers.Normalization;

/// <summary>What both passes over rows are given: N rows of C elements, and what the elements of a row are scaled and shifted by.</summary>
internal ref struct RowTensors
{
    /// <summary>The input, (N, C).</summary>
    public ReadOnlySpan<float> X;

    /// <summary>The output, (N, C): overwritten by the forward pass, not used by the backward pass.</summary>
    public Span<float> Y;

    /// <summary>C.</summary>
    public int Features;

    /// <summary>P: γ and β have a row of their own for each n mod P, as where a sample has P groups of channels.</summary>
    public int Period { readonly get => field + 1; init => field = value - 1; }

    /// <summary>T: γ and β have a row of their own for each n / T, as where a sample has T tokens; 0 unless it is so.</summary>
    public int RowsPerParameters;

    /// <summary>The scale, (P, C) or (N/T, C); empty means ones.</summary>
    public ReadOnlySpan<float> Gamma;

    /// <summary>One scale for all elements of a row: a value for each row, (N), or one for all rows, (1). Empty means ones. Not together with the others.</summary>
    public ReadOnlySpan<float> RowGamma;

    /// <summary>The shift, (P, C) or (N/T, C); empty means zeros.</summary>
    public ReadOnlySpan<float> Beta;

    /// <summary>Whether y = max(·, 0).</summary>
    public bool ReLU;

    /// <summary>N.</summary>
    public readonly int Rows => X.Length / Features;

    /// <summary>Where in γ and β the elements of row <paramref name="n"/> begin.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int ParametersOf(int n) => RowsPerParameters > 0 ? n / RowsPerParameters * Features : Period == 1 ? 0 : n % Period * Features;

    /// <summary>Whether all rows have the same γ and β.</summary>
    public readonly bool ShareParameters => Period == 1 && RowsPerParameters == 0;
}
