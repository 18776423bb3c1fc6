using NormLayers.Network;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Network;

public sealed class SigmoidTests
{
    // 1/(1 + e⁻ˣ) and its derivative to more digits than a float has.
    private static readonly (float X, double Y, double Slope)[] s_values =
    [
        (0, 0.5, 0.25),
        (1, 0.7310585786300049, 0.19661193324148185),
        (-1, 0.2689414213699951, 0.19661193324148185),
        (4, 0.9820137900379085, 0.017662706213291107),
        (-20, 2.0611536181902037e-9, 2.0611536139418492e-9),
        (20, 0.9999999979388464, 2.0611536139418492e-9),
    ];

    [Fact]
    public void Forward_Values_AreTheNearestFloats() =>
        Compare.SameBits([.. s_values.Select(v => (float)v.Y)], Samples.Forward(new Sigmoid(), [.. s_values.Select(v => v.X)], s_values.Length), "y");

    [Fact]
    public void Backward_Values_AreTheNearestFloats()
    {
        Sigmoid layer = new();
        float[] x = [.. s_values.Select(v => v.X)];
        Samples.Forward(layer, x, x.Length);

        Compare.SameBits(
            [.. s_values.Select(v => (float)(v.Slope * 3))], Samples.Backward(layer, x, [.. Enumerable.Repeat(3f, x.Length)]), "dx");
        layer.Backward(x, x, []);
    }

    [Fact]
    public void Forward_Extremes_SaturateOrStayNaN() => Assert.Equal(
        [0, 1, 0, 1, float.NaN],
        Samples.Forward(new Sigmoid(), [float.NegativeInfinity, float.PositiveInfinity, float.MinValue, float.MaxValue, float.NaN], 5));

    [Fact]
    public void Backward_Extremes_AreZeroOrNaN()
    {
        Sigmoid layer = new();
        float[] x = [float.NegativeInfinity, float.PositiveInfinity, float.MinValue, float.MaxValue, float.NaN];
        Samples.Forward(layer, x, x.Length);

        Assert.Equal([0, 0, 0, 0, float.NaN], Samples.Backward(layer, x, [1, 1, 1, 1, 1]));
    }

    [Fact]
    public void Parameters_Sigmoid_AreNone() => Assert.Empty(new Sigmoid().Parameters);

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(13)]
    public void Pass_EveryLength_IsElementByElementTheReference(int length)
    {
        float[] x = [.. Enumerable.Range(0, length).Select(i => -90f + 180f * (i + 0.37f) / length)];
        float[] dy = [.. Enumerable.Range(0, length).Select(i => 1f + i)];
        Sigmoid layer = new();
        float[] y = Samples.Forward(layer, x, length);
        float[] dx = Samples.Backward(layer, x, dy);
        for (int i = 0; i < length; i++)
        {
            double exponential = Math.Exp(-Math.Abs((double)x[i]));
            Assert.Equal((x[i] < 0 ? exponential : 1) / (1 + exponential), y[i], MathF.BitIncrement(y[i]) - (double)y[i]);
            Assert.Equal(dy[i] * exponential / (1 + exponential) / (1 + exponential), dx[i], MathF.BitIncrement(dx[i]) - (double)dx[i]);
        }
    }
}
