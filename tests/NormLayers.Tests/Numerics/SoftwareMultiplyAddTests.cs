using System.Runtime.Intrinsics;
using NormLayers.Numerics;

namespace NormLayers.Tests.Numerics;

/// <summary>The multiply-add without the instruction against the C library's, which is exact.</summary>
public sealed class SoftwareMultiplyAddTests
{
    private readonly RandomSource _random = new(7);

    [Fact]
    public void Compute_AnyBits_RoundsOnce()
    {
        for (int i = 0; i < 1_000_000; i++)
        {
            AssertRoundsOnce(AnyFloat(), AnyFloat(), AnyFloat());
        }
    }

    [Fact]
    public void Compute_AddendAboutTheProduct_RoundsOnce()
    {
        for (int i = 0; i < 1_000_000; i++)
        {
            float left = Scaled(0);
            float right = Scaled(0);
            AssertRoundsOnce(left, right, (float)(-left * right * Math.ScaleB(1, (i % 61) - 30)));
        }
    }

    // 1 + 2⁻²³ has no float between it and 1; half way lies 1 + 2⁻²⁴, and a product beyond or short of it by less than double resolves.
    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(-125)]
    [InlineData(-126)]
    [InlineData(-130)]
    public void Compute_SumBesideATie_RoundsOnceWhereDoubleRoundsTwice(int exponent)
    {
        int roundedTwice = 0;
        for (int i = 0; i < 20_000; i++)
        {
            // The addend's last place, which below 2⁻¹²⁶ is 2⁻¹⁴⁹.
            float addend = Scaled(exponent);
            double half = 0.5 * (MathF.BitIncrement(MathF.Abs(addend)) - MathF.Abs(addend));

            // (1 + a)·(1 - a) = 1 - a² is just below 1, and (1 + a)·(1 + a)⁻¹, rounded, on either side of it. Half the last place itself need be no float.
            double nearOne = 1 + Math.ScaleB(1 + (i % 7), -20);
            float left = (float)Math.ScaleB(i % 2 == 0 ? nearOne : -nearOne, -30);
            float right = (float)Math.ScaleB(half * (i % 3 == 0 ? 2 - nearOne : 1 / nearOne), 30);
            AssertRoundsOnce(left, right, addend);
            roundedTwice += (float)(((double)left * right) + addend) != MathF.FusedMultiplyAdd(left, right, addend) ? 1 : 0;
        }

        Assert.True(roundedTwice > 0, "no case is told apart from rounding twice");
    }

    [Theory]
    [InlineData(0f, 0f, 0f)]
    [InlineData(-0f, 1f, 0f)]
    [InlineData(0f, -1f, -0f)]
    [InlineData(1f, 1f, -1f)]
    [InlineData(float.MaxValue, float.MaxValue, float.NegativeInfinity)]
    [InlineData(float.MaxValue, 2f, -float.MaxValue)]
    [InlineData(float.MaxValue, 1f, 1e31f)]
    [InlineData(float.PositiveInfinity, 1f, 1f)]
    [InlineData(float.PositiveInfinity, 0f, 1f)]
    [InlineData(float.PositiveInfinity, 1f, float.NegativeInfinity)]
    [InlineData(1f, float.NaN, 1f)]
    [InlineData(1f, 1f, float.NaN)]
    [InlineData(float.Epsilon, float.Epsilon, 1f)]
    [InlineData(float.Epsilon, float.Epsilon, -1f)]
    [InlineData(float.Epsilon, 0.5f, 0f)]
    [InlineData(float.Epsilon, 0.5f, float.Epsilon)]
    public void Compute_Edges_RoundsOnce(float left, float right, float addend) => AssertRoundsOnce(left, right, addend);

    private static void AssertRoundsOnce(float left, float right, float addend)
    {
        float expected = MathF.FusedMultiplyAdd(left, right, addend);
        Vector128<float> actual = SoftwareMultiplyAdd.Compute(Vector128.Create(1f, left, 2f, left), Vector128.Create(1f, right, 3f, right), Vector128.Create(1f, addend, 4f, addend));
        Assert.Equal(2, actual[0]);
        Assert.Equal(10, actual[2]);
        for (int lane = 1; lane < 4; lane += 2)
        {
            // Of what is no number only that it is none.
            if (!(float.IsNaN(expected) && float.IsNaN(actual[lane])) && BitConverter.SingleToInt32Bits(actual[lane]) != BitConverter.SingleToInt32Bits(expected))
            {
                Assert.Fail($"{left:R}·{right:R} + {addend:R} should be {expected:R} and is {actual[lane]:R}");
            }
        }
    }

    private float AnyFloat() => BitConverter.UInt32BitsToSingle((uint)(_random.NextBits() >> 32));

    private float Scaled(int exponent) => MathF.ScaleB(1 + (float)_random.NextDouble(), exponent) * (_random.NextDouble() < 0.5 ? -1 : 1);
}
