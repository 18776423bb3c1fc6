using System.Globalization;
using System.Numerics;

namespace NormLayers.Numerics;

/// <summary>The library's random numbers: the same seed gives the same bits on every machine and in every version.</summary>
/// <remarks>
/// xoshiro256** (Blackman &amp; Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021), its state filled from the
/// seed by SplitMix64. Normal deviates by Marsaglia's polar method (1964), with a logarithm that has the same bits everywhere.
/// Not for cryptography.
/// </remarks>
public sealed class RandomSource
{
    private ulong _s0;
    private ulong _s1;
    private ulong _s2;
    private ulong _s3;
    private double _spareNormal = double.NaN;

    /// <summary>Creates a generator.</summary>
    /// <param name="seed">Any value.</param>
    public RandomSource(ulong seed)
    {
        _s0 = SplitMix(ref seed);
        _s1 = SplitMix(ref seed);
        _s2 = SplitMix(ref seed);
        _s3 = SplitMix(ref seed);
    }

    /// <summary>All that further numbers depend on: the generator's four words, and the bits of the normal deviate kept for the next call.</summary>
    /// <returns>Five numbers for <see cref="RestoreState"/>.</returns>
    public long[] SaveState() => [(long)_s0, (long)_s1, (long)_s2, (long)_s3, BitConverter.DoubleToInt64Bits(_spareNormal)];

    /// <summary><b>Overwrites</b> the state: the next numbers are the ones that followed <see cref="SaveState"/>.</summary>
    /// <param name="state">Five numbers, of which the first four are not all 0.</param>
    /// <exception cref="ArgumentException">Another length, or a state that a generator never has.</exception>
    public void RestoreState(ReadOnlySpan<long> state)
    {
        if (state.Length != 5 || !state[..4].ContainsAnyExcept(0))
        {
            Throw.Argument(nameof(state), "five numbers, of which the first four are not all 0", state.Length != 5 ? $"{state.Length} numbers" : "four that are 0");
        }

        if (double.IsInfinity(BitConverter.Int64BitsToDouble(state[4])))
        {
            Throw.Argument(nameof(state), "the bits of a normal deviate or of NaN as the fifth number", "those of an infinite number");
        }

        (_s0, _s1, _s2, _s3) = ((ulong)state[0], (ulong)state[1], (ulong)state[2], (ulong)state[3]);
        _spareNormal = BitConverter.Int64BitsToDouble(state[4]);
    }

    /// <summary>The next 64 random bits.</summary>
    public ulong NextBits()
    {
        ulong result = BitOperations.RotateLeft(_s1 * 5, 7) * 9;
        ulong t = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= t;
        _s3 = BitOperations.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>A number from 0 (included) to 1 (excluded), a multiple of 2⁻⁵³.</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A number drawn uniformly from <paramref name="low"/> to <paramref name="high"/>, which rounding may reach.</summary>
    /// <param name="low">The lower end, finite.</param>
    /// <param name="high">The upper end, finite and ≥ <paramref name="low"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">An end is not finite, or <paramref name="high"/> is below <paramref name="low"/> or too far from it for a double.</exception>
    public double NextDouble(double low, double high)
    {
        if (!(high - low is >= 0 and < double.PositiveInfinity))
        {
            RefuseEnds(low, high);
        }

        return low + (high - low) * NextDouble();
    }

    /// <summary>An integer from 0 to <paramref name="bound"/> − 1, each equally likely.</summary>
    /// <param name="bound">The number of outcomes, ≥ 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bound"/> is below 1.</exception>
    public int NextInt(int bound)
    {
        Throw.IfNotPositive(bound, nameof(bound));

        // Lemire 2019: the high word of bits·bound; a low word below 2⁶⁴ mod bound would favour some outcomes and is redrawn.
        ulong threshold = (0UL - (ulong)bound) % (ulong)bound;
        while (true)
        {
            ulong high = Math.BigMul(NextBits(), (ulong)bound, out ulong low);
            if (low >= threshold)
            {
                return (int)high;
            }
        }
    }

    // Apart, so that the check is inlined.
    private static void RefuseEnds(double low, double high) => Throw.OutOfRange(
        double.IsFinite(low) ? nameof(high) : nameof(low),
        double.IsFinite(low) ? string.Create(CultureInfo.InvariantCulture, $"a finite number ≥ {low}, and a finite difference of both") : "a finite number",
        double.IsFinite(low) ? high : low);

    /// <summary>A normal deviate with mean 0 and variance 1.</summary>
    public double NextNormal()
    {
        if (!double.IsNaN(_spareNormal))
        {
            double spare = _spareNormal;
            _spareNormal = double.NaN;
            return spare;
        }

        double u;
        double v;
        double s;
        do
        {
            u = NextDouble(-1, 1);
            v = NextDouble(-1, 1);
            s = u * u + v * v;
        }
        while (s >= 1 || s == 0);

        double factor = Math.Sqrt(-2 * Elementary.Log(s) / s);
        _spareNormal = v * factor;
        return u * factor;
    }

    /// <summary>Puts a list into a random order, each order equally likely (Fisher–Yates).</summary>
    /// <param name="values">Reordered in place.</param>
    public void Shuffle(Span<int> values)
    {
        for (int i = values.Length - 1; i > 0; i--)
        {
            int j = NextInt(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    private static ulong SplitMix(ref ulong state)
    {
        ulong z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
