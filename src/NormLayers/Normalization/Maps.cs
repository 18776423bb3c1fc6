using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NormLayers.Numerics;

namespace NormLayers.Normalization;

// The formulas of y and dx, for one element or sixteen: the only place where factors are applied. Each is a line in x,
// (x - pivot) * slope + shift: x̂ with the factors of a row, y with the factors of a channel, and in dx what comes back through the statistics.
// Written out in each map, since one more call exhausts the inliner's budget in the loops (docs/architecture.md, what the compiler needs).

/// <summary>y = γ·x̂ + β over a row, with γ and β of each element. [F4] [F5]</summary>
/// <typeparam name="S">The statistic.</typeparam>
/// <typeparam name="TAffine">Whether γ, and with a mean β, are known to be given.</typeparam>
/// <typeparam name="TReLU">Whether y = max(·, 0).</typeparam>
/// <param name="x">The row's first element.</param>
/// <param name="gamma">γ; empty means ones.</param>
/// <param name="beta">β; empty means zeros.</param>
/// <param name="parameters">Where in γ and β the row's begin.</param>
/// <param name="line">The factors of rows.</param>
/// <param name="k">The row's place in them.</param>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly ref struct RowMapForward<S, TAffine, TReLU>(
    ref readonly float x, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, int parameters, scoped in LineFactors line, int k) : IRowMap
    where S : struct, IStatistic
    where TAffine : struct, IFlag
    where TReLU : struct, IFlag
{
    private readonly ref readonly float _x = ref x;
    private readonly ref readonly float _gamma = ref Unsafe.Add(ref MemoryMarshal.GetReference(gamma), parameters);
    private readonly ref readonly float _beta = ref Unsafe.Add(ref MemoryMarshal.GetReference(beta), parameters);
    private readonly bool _scaled = !gamma.IsEmpty;
    private readonly bool _shifted = !beta.IsEmpty;
    private readonly float _pivot = Unsafe.Add(ref line.Pivot, k);
    private readonly float _slope = Unsafe.Add(ref line.Slope, k);
    private readonly float _shift = Unsafe.Add(ref line.Shift, k);

    // xHat = (x[i] - pivot) * slope + shift; y[i] = gamma[i] * xHat + beta[i]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L At<L>(nint i)
        where L : struct, ILanes<L>
    {
        L xHat = S.HasMean ? L.MultiplyAdd(L.Load(in _x, i) - L.Create(_pivot), L.Create(_slope), L.Create(_shift)) : L.Load(in _x, i) * L.Create(_slope);
        L gamma = TAffine.Holds || _scaled ? L.Load(in _gamma, i) : L.Create(1);
        L y = TAffine.Holds && !S.HasMean
            ? xHat * gamma
            : L.MultiplyAdd(xHat, gamma, (TAffine.Holds && S.HasMean) || _shifted ? L.Load(in _beta, i) : L.Zero);
        return TReLU.Holds ? L.WherePositive(y, y) : y;
    }
}

/// <summary>dx = g·scale + line = r·(g − mean(g) − x̂·mean(g·x̂)) over a row, with g = γ·dy and γ of each element. [B5]</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly ref struct RowMapBackward<S, TScaled>(
    ref readonly float x, ref readonly float dy, ref readonly float gamma, scoped in LineFactors line, int k) : IRowMap
    where S : struct, IStatistic
    where TScaled : struct, IFlag
{
    private readonly ref readonly float _x = ref x;
    private readonly ref readonly float _dy = ref dy;
    private readonly ref readonly float _gamma = ref gamma;
    private readonly float _pivot = Unsafe.Add(ref line.Pivot, k);
    private readonly float _slope = Unsafe.Add(ref line.Slope, k);
    private readonly float _shift = Unsafe.Add(ref line.Shift, k);
    private readonly float _scale = Unsafe.Add(ref line.Scale, k);

    // dx[i] = dy[i] * gamma[i] * scale + (x[i] - pivot) * slope + shift
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L At<L>(nint i)
        where L : struct, ILanes<L>
    {
        L g = TScaled.Holds ? L.Load(in _dy, i) * L.Load(in _gamma, i) : L.Load(in _dy, i);
        L line = S.HasMean ? L.MultiplyAdd(L.Load(in _x, i) - L.Create(_pivot), L.Create(_slope), L.Create(_shift)) : L.Load(in _x, i) * L.Create(_slope);
        return L.MultiplyAdd(g, L.Create(_scale), line);
    }
}

/// <summary>y over a row with the factors of each column. [F4] [F5]</summary>
/// <remarks>Apart from dx's map: with the fields of both, two rows at a time exceed the registers of 256 bits.</remarks>
/// <typeparam name="TReLU">Whether y = max(·, 0).</typeparam>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly ref struct ColumnMapForward<TReLU>(ref readonly float x, scoped in LineFactors line, int first) : IRowMap
    where TReLU : struct, IFlag
{
    private readonly ref readonly float _x = ref x;
    private readonly ref readonly float _pivot = ref Unsafe.Add(ref line.Pivot, first);
    private readonly ref readonly float _slope = ref Unsafe.Add(ref line.Slope, first);
    private readonly ref readonly float _shift = ref Unsafe.Add(ref line.Shift, first);

    // y[i] = (x[i] - pivot[i]) * slope[i] + shift[i]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L At<L>(nint i)
        where L : struct, ILanes<L>
    {
        L line = L.MultiplyAdd(L.Load(in _x, i) - L.Load(in _pivot, i), L.Load(in _slope, i), L.Load(in _shift, i));
        return TReLU.Holds ? L.WherePositive(line, line) : line;
    }
}

/// <summary>dx over a row with the factors of each column. [B5]</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly ref struct ColumnMapBackward(ref readonly float x, ref readonly float dy, scoped in LineFactors line, int first) : IRowMap
{
    private readonly ref readonly float _x = ref x;
    private readonly ref readonly float _dy = ref dy;
    private readonly ref readonly float _pivot = ref Unsafe.Add(ref line.Pivot, first);
    private readonly ref readonly float _slope = ref Unsafe.Add(ref line.Slope, first);
    private readonly ref readonly float _shift = ref Unsafe.Add(ref line.Shift, first);
    private readonly ref readonly float _scale = ref Unsafe.Add(ref line.Scale, first);

    // dx[i] = dy[i] * scale[i] + (x[i] - pivot[i]) * slope[i] + shift[i]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L At<L>(nint i)
        where L : struct, ILanes<L>
    {
        L line = L.MultiplyAdd(L.Load(in _x, i) - L.Load(in _pivot, i), L.Load(in _slope, i), L.Load(in _shift, i));
        return L.MultiplyAdd(L.Load(in _dy, i), L.Load(in _scale, i), line);
    }
}

/// <summary>y = line, or dx = dy·scale + line, over a plane with the factors of its channel. [F4] [F5] [B5]</summary>
/// <typeparam name="TGradient">Whether dx is computed, and not y.</typeparam>
/// <typeparam name="TReLU">Whether y = max(·, 0).</typeparam>
internal readonly ref struct ChannelMap<TGradient, TReLU>(ref readonly float x, ref readonly float dy, float pivot, float slope, float shift, float scale)
    : IPlaneMap<ChannelMap<TGradient, TReLU>, ChannelPass<TGradient>>
    where TGradient : struct, IFlag
    where TReLU : struct, IFlag
{
    private readonly ref readonly float _x = ref x;
    private readonly ref readonly float _dy = ref dy;
    private readonly float _pivot = pivot;
    private readonly float _slope = slope;
    private readonly float _shift = shift;
    private readonly float _scale = scale;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ChannelMap<TGradient, TReLU> Of(scoped ref readonly ChannelPass<TGradient> pass, int plane, int channel)
    {
        int C = pass.Channels;
        nint start = (nint)plane * pass.PlaneLength;
        ref float factors = ref Unsafe.Add(ref MemoryMarshal.GetReference(pass.Factors), channel);
        return new(
            in Unsafe.Add(ref MemoryMarshal.GetReference(pass.X), start),
            in Unsafe.Add(ref MemoryMarshal.GetReference(pass.Dy), start),
            factors,
            Unsafe.Add(ref factors, C),
            Unsafe.Add(ref factors, 2 * C),
            TGradient.Holds ? Unsafe.Add(ref factors, 3 * C) : 0);
    }

    // y[i] = (x[i] - pivot) * slope + shift; dx[i] = dy[i] * scale + (x[i] - pivot) * slope + shift
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L At<L>(nint i)
        where L : struct, ILanes<L>
    {
        L line = L.MultiplyAdd(L.Load(in _x, i) - L.Create(_pivot), L.Create(_slope), L.Create(_shift));
        return TGradient.Holds ? L.MultiplyAdd(L.Load(in _dy, i), L.Create(_scale), line)
            : TReLU.Holds ? L.WherePositive(line, line)
            : line;
    }
}

/// <summary>The gradient before a ReLU: dy where y is above 0.</summary>
/// <param name="y">The output behind the ReLU.</param>
/// <param name="dy">The gradient with respect to it.</param>
/// <param name="ahead">How far ahead both are prefetched; 0 for not at all.</param>
internal readonly ref struct ReLUGradientMap(ref readonly float y, ref readonly float dy, nint ahead) : IRowMap
{
    private readonly ref readonly float _y = ref y;
    private readonly ref readonly float _dy = ref dy;
    private readonly nint _ahead = ahead;

    // g[i] = y[i] <= 0 ? 0 : dy[i]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L At<L>(nint i)
        where L : struct, ILanes<L>
    {
        if (_ahead > 0)
        {
            Cache.Prefetch(in _y, i + _ahead);
            Cache.Prefetch(in _dy, i + _ahead);
        }

        return L.WherePositive(L.Load(in _y, i), L.Load(in _dy, i));
    }
}

/// <summary>x + residual.</summary>
internal readonly ref struct SumMap(ref readonly float x, ref readonly float residual) : IRowMap
{
    private readonly ref readonly float _x = ref x;
    private readonly ref readonly float _residual = ref residual;

    // sum[i] = x[i] + residual[i]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L At<L>(nint i)
        where L : struct, ILanes<L>
        => L.Load(in _x, i) + L.Load(in _residual, i);
}
