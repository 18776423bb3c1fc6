using NormLayers.Normalization;

namespace NormLayers;

/// <content>Dynamic tanh.</content>
public static partial class Functional
{
    /// <summary>Dynamic tanh: y = γ·tanh(αx) + β, element by element, with γ and β along the last dimension.</summary>
    /// <param name="alpha">α, the one factor of x.</param>
    /// <inheritdoc cref="LayerNorm(ReadOnlySpan{float}, int, ReadOnlySpan{float}, ReadOnlySpan{float}, double, Span{float}, bool, NormStatistics?, ReadOnlySpan{bool})" path="/*[@name='x' or @name='features' or @name='gamma' or @name='beta' or @name='y' or self::exception[@cref='T:System.ArgumentException']]"/>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="features"/> out of range.</exception>
    public static void DyT(ReadOnlySpan<float> x, int features, float alpha, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, Span<float> y)
    {
        CheckRows(x, features, gamma, epsilon: 0);
        CheckBeta(beta, features);
        CheckOutput(x, y);
        CheckApart(y, nameof(y), gamma, beta);
        TanhRows.Forward(new() { X = x, Y = y, Features = features, Gamma = gamma, Beta = beta }, alpha);
    }

    /// <summary>
    /// The backward pass of dynamic tanh: <b>overwrites</b> <paramref name="dx"/>, and <b>adds to</b> <paramref name="dAlpha"/>,
    /// <paramref name="dGamma"/> and <paramref name="dBeta"/>.
    /// </summary>
    /// <inheritdoc cref="LayerNormBackward" path="/*[@name='x' or @name='dy' or @name='features' or @name='gamma' or @name='dx' or @name='dGamma' or @name='dBeta' or self::exception]"/>
    /// <param name="alpha">α, the one factor of x.</param>
    /// <param name="dAlpha">Added to.</param>
    public static void DyTBackward(
        ReadOnlySpan<float> x, ReadOnlySpan<float> dy, int features, float alpha, ReadOnlySpan<float> gamma, Span<float> dx, ref float dAlpha,
        Span<float> dGamma, Span<float> dBeta)
    {
        CheckRows(x, features, gamma, epsilon: 0);
        CheckGradients(x, default, dy, gamma, dx, dGamma, dBeta, features);
        Span<double> workspace = _workspace.AtLeast(TanhRows.WorkspaceLength(x.Length / features, features));
        Gradients gradients = new() { Dy = dy, Dx = dx, DGamma = dGamma, DBeta = dBeta };
        TanhRows.Backward(new() { X = x, Features = features, Gamma = gamma }, alpha, gradients, new(ref dAlpha), workspace);
    }
}
