using NormLayers.Network;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Network;

/// <summary>GELU and SiLU against values to 17 digits; both and softmax at every length of a vector's end.</summary>
public sealed class ActivationTests
{
    // x, y and dy/dx, computed with 40 digits from erfc and exp.
    private static readonly (float X, double Y, double Slope)[] s_gelu =
    [
        (0.0f, 0.0, 0.5),
        (1.0f, 0.84134474606854295, 1.0833154705876863),
        (-1.0f, -0.15865525393145705, -0.083315470587686298),
        (3.0f, 2.9959503059051097, 1.0119456472041839),
        (-3.0f, -0.0040496940948902836, -0.011945647204183927),
        (-6.5f, -2.6104003795084266e-10, -1.6950517937572626e-9),
        (-13.5f, -1.0555389862638153e-40, -1.4248940914798838e-39),
        (0.00100000005f, 0.00050039896600053419, 0.50079788433273885),
        (-0.75f, -0.16997051428265115, 0.00077427826076489563),
        (-0.751791596f, -0.16997120747990255, -3.0946356298960011e-8),
        (8.0f, 7.999999999999995, 1.0000000000000398),
        (-30.0f, 0, 0),
        (25.0f, 25.0, 1.0),
    ];

    private static readonly (float X, double Y, double Slope)[] s_silu =
    [
        (0.0f, 0.0, 0.5),
        (1.0f, 0.73105857863000488, 0.92767051187148673),
        (-1.0f, -0.26894142136999512, 0.072329488128513268),
        (3.0f, 2.8577223804672997, 1.0881041060151696),
        (-3.0f, -0.14227761953270034, -0.088104106015169617),
        (-6.5f, -0.009757684668790445, -0.0082418543489618307),
        (-13.5f, -1.8507922292580902e-5, -1.7136939712153606e-5),
        (0.00100000005f, 0.00050025002375164104, 0.50049999994041539),
        (-0.75f, -0.24061597561845527, 0.1574000555032465),
        (-0.751791596f, -0.24089736785139361, 0.15672467410216005),
        (8.0f, 7.9973171989562682, 1.0023465512355853),
        (-30.0f, -2.8072868906517897e-12, -2.713710660963134e-12),
        (25.0f, 24.999999999652801, 1.0000000003333107),
    ];

    public static TheoryData<string> Names => ["gelu", "silu", "sigmoid", "softmax"];

    [Theory]
    [InlineData("gelu")]
    [InlineData("silu")]
    public void Pass_Values_AreTheNearestFloats(string name)
    {
        (float X, double Y, double Slope)[] values = name == "gelu" ? s_gelu : s_silu;
        float[] x = [.. values.Select(v => v.X)];
        Layer layer = Create(name);
        float[] y = Samples.Forward(layer, x, x.Length);
        float[] dx = Samples.Backward(layer, x, [.. Enumerable.Repeat(3f, x.Length)]);
        for (int i = 0; i < x.Length; i++)
        {
            Assert.Equal((float)values[i].Y, y[i]);
            // Near its zero the slope is a difference: within the error of the distribution, 10⁻¹⁰. The last term is half the least float.
            Assert.Equal(3 * values[i].Slope, dx[i], Math.Abs(3 * values[i].Slope) * 6e-8 + 3e-10 * (Math.Abs(x[i]) < 1 ? 1 : 0) + 1e-45);
        }
    }

    [Theory]
    [InlineData("gelu")]
    [InlineData("silu")]
    public void Pass_Extremes_HaveTheirLimits(string name)
    {
        float[] x = [float.NegativeInfinity, float.PositiveInfinity, float.MinValue, float.MaxValue, float.NaN];
        Layer layer = Create(name);

        Assert.Equal([0, float.PositiveInfinity, 0, float.MaxValue, float.NaN], Samples.Forward(layer, x, 5));
        Assert.Equal([0, 1, 0, 1, float.NaN], Samples.Backward(layer, x, [1, 1, 1, 1, 1]));
    }

    [Theory]
    [InlineData("gelu")]
    [InlineData("silu")]
    [InlineData("sigmoid")]
    public void Pass_ExtremesInVectors_HaveTheBitsOfOneElement(string name)
    {
        foreach (float value in (float[])[0f, -0f, float.Epsilon, -float.Epsilon, 705, -705, float.NegativeInfinity, float.PositiveInfinity, float.MinValue, float.MaxValue, float.NaN])
        {
            float[] x = Samples.Normal(24, seed: 1);
            float[] dy = Samples.Normal(24, seed: 2);
            x[11] = value;
            Compare.SameBits(Pass([value], [dy[11]], 0), Pass(x, dy, 11), $"{value}");
        }

        float[] Pass(float[] x, float[] dy, int place)
        {
            Layer layer = Create(name);
            return [Samples.Forward(layer, x, x.Length)[place], Samples.Backward(layer, x, dy)[place]];
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Pass_EveryLength_IsTheReference(string name)
    {
        for (int columns = 1; columns < 35; columns++)
        {
            float[] x = Samples.Normal(3 * columns, seed: (ulong)columns, deviation: 4);
            float[] dy = Samples.Normal(3 * columns, seed: 100 + (ulong)columns);
            Layer layer = Create(name);
            ReferenceLayer reference = layer.CreateReference()!;
            Compare.Within(reference.Forward(Compare.Widen(x), (3, columns)), Samples.Forward(layer, x, (3, columns)), 1e-6, $"y of {columns}");
            Compare.Within(reference.Backward(Compare.Widen(dy)), Samples.Backward(layer, x, dy), 1e-6, $"dx of {columns}");
        }
    }

    [Theory]
    [InlineData("gelu")]
    [InlineData("silu")]
    [InlineData("sigmoid")]
    public void Pass_ElementInAnyPlace_HasTheSameBits(string name)
    {
        float[] x = Samples.Normal(21, seed: 1, deviation: 4);
        float[] y = Samples.Forward(Create(name), x, 21);
        for (int i = 0; i < x.Length; i++)
        {
            Compare.SameBits(y.AsSpan(i, 1), Samples.Forward(Create(name), [x[i]], 1), $"element {i}");
        }
    }

    [Theory]
    [InlineData(1, 8)]
    [InlineData(5, 8)]
    [InlineData(5, 256)]
    [InlineData(21, 24)]
    public void Softmax_PaddedWithMinusInfinity_KeepsItsBits(int length, int padded)
    {
        float[] x = Samples.Normal(2 * length, seed: 1, deviation: 5);
        float[] wide = Samples.Constant(2 * padded, float.NegativeInfinity);
        for (int row = 0; row < 2; row++)
        {
            x.AsSpan(row * length, length).CopyTo(wide.AsSpan(row * padded));
        }

        float[] dy = Samples.Normal(x.Length, seed: 2);
        float[] wideDy = Samples.Constant(wide.Length, 7);
        dy.AsSpan(0, length).CopyTo(wideDy);
        dy.AsSpan(length).CopyTo(wideDy.AsSpan(padded));
        float[] dx = Gradient(x, length, dy);
        float[] wideDx = Gradient(wide, padded, wideDy);
        for (int row = 0; row < 2; row++)
        {
            Compare.SameBits(dx.AsSpan(row * length, length), wideDx.AsSpan(row * padded, length), $"dx of row {row}");
            Assert.All(wideDx[(row * padded + length)..((row + 1) * padded)], v => Assert.Equal(0, v));
        }

        float[] y = new float[x.Length];
        Softmax.Rows(x, length, y);
        Softmax.Rows(wide, padded, wide);
        for (int row = 0; row < 2; row++)
        {
            Compare.SameBits(y.AsSpan(row * length, length), wide.AsSpan(row * padded, length), $"row {row}");
            Assert.All(wide[(row * padded + length)..((row + 1) * padded)], v => Assert.Equal(0, v));
        }

        static float[] Gradient(float[] x, int columns, float[] dy)
        {
            Softmax layer = new();
            Samples.Forward(layer, x, (2, columns));
            return Samples.Backward(layer, x, dy);
        }
    }

    [Fact]
    public void Softmax_Extremes_DoNotOverflow()
    {
        float[] x = [1e38f, -1e38f, 1e38f, float.NegativeInfinity, 0, 200, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity];
        float[] y = new float[9];
        Softmax.Rows(x, 3, y);
        Assert.Equal([0.5f, 0, 0.5f, 0, 0, 1, float.NaN, float.NaN, float.NaN], y);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Softmax_NotFiniteInAnyPlace_IsNaNInItsRowAlone(float value)
    {
        for (int columns = 1; columns < 36; columns++)
        {
            for (int place = 0; place < columns; place++)
            {
                float[] x = Samples.Normal(2 * columns, seed: 1);
                float[] y = new float[2 * columns];
                x[place] = value;
                Softmax.Rows(x, columns, y);
                Assert.All(y[..columns], v => Assert.Equal(float.NaN, v));
                Assert.Equal(1, y[columns..].Sum(), 1e-5);
            }
        }
    }

    [Fact]
    public void Softmax_LargestInAnyPlace_OverflowsNowhere()
    {
        for (int columns = 1; columns < 36; columns++)
        {
            for (int place = 0; place < columns; place++)
            {
                float[] x = new float[columns];
                float[] y = new float[columns];
                x[place] = 1000;
                Softmax.Rows(x, columns, y);
                Assert.Equal(1, y[place]);
            }
        }
    }

    [Fact]
    public void Softmax_ArgumentsThatDoNotFit_AreNamed()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Softmax.Rows(new float[4], 0, new float[4]));
        Assert.Throws<ArgumentException>(() => Softmax.Rows(new float[5], 2, new float[5]));
        Assert.Throws<ArgumentException>(() => Softmax.Rows(new float[4], 2, new float[5]));
        float[] memory = new float[5];
        Assert.Throws<ArgumentException>(() => Softmax.Rows(memory.AsSpan(0, 4), 2, memory.AsSpan(1, 4)));
    }

    private static Layer Create(string name) => name switch
    {
        "gelu" => new Gelu(),
        "silu" => new SiLU(),
        "sigmoid" => new Sigmoid(),
        _ => new Softmax(),
    };
}
