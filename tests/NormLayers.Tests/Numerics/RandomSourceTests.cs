using System.Numerics;
using NormLayers.Numerics;

namespace NormLayers.Tests.Numerics;

public sealed class RandomSourceTests
{
    private static readonly BigInteger s_mask = (BigInteger.One << 64) - 1;

    [Fact]
    public void Generator_PublishedStates_GivesThePublishedSequences()
    {
        // SplitMix64 from 1234567, and xoshiro256** from the state 1, 2, 3, 4: the test vectors that other libraries share.
        BigInteger seed = 1234567;
        Assert.Equal(
            [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821],
            Enumerable.Range(0, 5).Select(_ => (ulong)SplitMix(ref seed)));
        BigInteger[] state = [1, 2, 3, 4];
        Assert.Equal(
            [
                11520, 0, 1509978240, 1215971899390074240, 1216172134540287360, 607988272756665600, 16172922978634559625,
                8476171486693032832, 10595114339597558777, 2904607092377533576,
            ],
            Enumerable.Range(0, 10).Select(_ => (ulong)Xoshiro(state)));
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(42UL)]
    [InlineData(ulong.MaxValue)]
    public void NextBits_Seed_EqualsTheGeneratorInBigIntegers(ulong seed)
    {
        RandomSource random = new(seed);
        BigInteger splitMix = seed;
        BigInteger[] state = [SplitMix(ref splitMix), SplitMix(ref splitMix), SplitMix(ref splitMix), SplitMix(ref splitMix)];
        for (int i = 0; i < 1000; i++)
        {
            Assert.Equal((ulong)Xoshiro(state), random.NextBits());
        }
    }

    [Fact]
    public void NextBits_Seed42_IsPinned()
    {
        RandomSource random = new(42);
        Assert.Equal([1546998764402558742, 6990951692964543102, 12544586762248559009, 17057574109182124193], Enumerable.Range(0, 4).Select(_ => random.NextBits()));
    }

    [Fact]
    public void NextDouble_ManyDraws_IsUniformOnZeroToOne()
    {
        const int N = 200_000;
        RandomSource random = new(7);
        double[] values = [.. Enumerable.Range(0, N).Select(_ => random.NextDouble())];
        Assert.All(values, v => Assert.InRange(v, 0, Math.BitDecrement(1.0)));
        Assert.All(values.Take(100), v => Assert.Equal(0, v * (1L << 53) % 1));
        AssertMoment(values, v => v, 0.5, Math.Sqrt(1.0 / 12));
        AssertMoment(values, v => v * v, 1.0 / 3, Math.Sqrt(1.0 / 5 - 1.0 / 9));
        AssertEqualCounts([.. values.Select(v => (int)(v * 64))], 64);
    }

    [Fact]
    public void NextDouble_Interval_CoversIt()
    {
        RandomSource random = new(7);
        double[] values = [.. Enumerable.Range(0, 10_000).Select(_ => random.NextDouble(-3, 5))];
        Assert.All(values, v => Assert.InRange(v, -3, 5));
        AssertMoment(values, v => v, 1, 8 / Math.Sqrt(12));
    }

    [Fact]
    public void NextNormal_ManyDraws_HasTheMomentsOfTheStandardNormal()
    {
        RandomSource random = new(11);
        double[] values = [.. Enumerable.Range(0, 200_000).Select(_ => random.NextNormal())];
        AssertMoment(values, v => v, 0, 1);
        AssertMoment(values, v => v * v, 1, Math.Sqrt(2));
        AssertMoment(values, v => v * v * v, 0, Math.Sqrt(15));
        AssertMoment(values, v => v * v * v * v, 3, Math.Sqrt(96));
        double[] pairs = [.. values.Zip(values.Skip(1), (a, b) => a * b)];
        AssertMoment(pairs, v => v, 0, 1);
        Assert.InRange(values.Count(v => Math.Abs(v) > 3) / 200_000.0, 0.0021, 0.0033);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(10)]
    [InlineData(100)]
    public void NextInt_Bound_GivesEachOutcomeEquallyOften(int bound)
    {
        RandomSource random = new(13);
        AssertEqualCounts([.. Enumerable.Range(0, 100_000).Select(_ => random.NextInt(bound))], bound);
    }

    [Fact]
    public void NextInt_LargeBound_StaysBelowItAndReachesItsUpperHalf()
    {
        RandomSource random = new(13);
        int[] values = [.. Enumerable.Range(0, 10_000).Select(_ => random.NextInt(int.MaxValue))];
        Assert.All(values, v => Assert.InRange(v, 0, int.MaxValue - 1));
        AssertEqualCounts(Array.ConvertAll(values, v => (int)((long)v * 8 / int.MaxValue)), 8);
    }

    [Fact]
    public void NextInt_BoundBelowOne_Throws()
    {
        RandomSource random = new(1);
        Assert.Equal("bound", Assert.Throws<ArgumentOutOfRangeException>(() => random.NextInt(0)).ParamName);
    }

    [Fact]
    public void Shuffle_ThreeValues_GivesEachOrderEquallyOften()
    {
        RandomSource random = new(17);
        int[] orders = new int[60_000];
        for (int i = 0; i < orders.Length; i++)
        {
            int[] values = [0, 1, 2];
            random.Shuffle(values);
            Assert.Equal([0, 1, 2], values.Order());
            orders[i] = values[0] * 2 + (values[1] > values[2] ? 1 : 0);
        }

        AssertEqualCounts(orders, 6);
    }

    // Within five standard errors: a right generator fails once in two million.
    private static void AssertMoment(double[] values, Func<double, double> power, double expected, double deviation) =>
        Assert.Equal(expected, values.Average(power), 5 * deviation / Math.Sqrt(values.Length));

    private static void AssertEqualCounts(int[] outcomes, int count)
    {
        double share = 1.0 / count;
        double allowed = 5 * Math.Sqrt(outcomes.Length * share * (1 - share));
        int[] counts = new int[count];
        foreach (int outcome in outcomes)
        {
            counts[outcome]++;
        }

        Assert.All(counts, c => Assert.Equal(outcomes.Length * share, c, allowed));
    }

    private static BigInteger SplitMix(ref BigInteger state)
    {
        state = state + 0x9E3779B97F4A7C15 & s_mask;
        BigInteger z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & s_mask;
        z = (z ^ z >> 27) * 0x94D049BB133111EB & s_mask;
        return z ^ z >> 31;
    }

    private static BigInteger Xoshiro(BigInteger[] s)
    {
        BigInteger result = Rotate(s[1] * 5 & s_mask, 7) * 9 & s_mask;
        BigInteger t = s[1] << 17 & s_mask;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = Rotate(s[3], 45);
        return result;
    }

    private static BigInteger Rotate(BigInteger value, int by) => (value << by | value >> (64 - by)) & s_mask;
}
