using NormLayers.Network;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Network;

public sealed class ReLUTests
{
    private static readonly float[] s_x = [-2, -0f, 0, float.Epsilon, 3, float.NegativeInfinity, float.PositiveInfinity];

    [Fact]
    public void Forward_Values_KeepsThePositive() =>
        Compare.SameBits([0, 0, 0, float.Epsilon, 3, 0, float.PositiveInfinity], Samples.Forward(new ReLU(), s_x, s_x.Length), "y");

    [Fact]
    public void Forward_NaN_StaysNaN() => Assert.True(float.IsNaN(Samples.Forward(new ReLU(), [float.NaN], 1)[0]));

    [Fact]
    public void Backward_Values_PassesWhereXWasPositive()
    {
        ReLU layer = new();
        Samples.Forward(layer, s_x, s_x.Length);
        Assert.Equal([0f, 0, 0, 4, 5, 0, 7], Samples.Backward(layer, s_x, [1, 2, 3, 4, 5, 6, 7]));
        layer.Backward(s_x, [1, 2, 3, 4, 5, 6, 7], []);
    }

    [Fact]
    public void Backward_AfterForwardInPlace_IsTheSame()
    {
        ReLU layer = new();
        float[] x = [.. s_x];
        layer.Forward(x, x.Length, x);
        Assert.Equal([0f, 0, 0, 4, 5, 0, 7], Samples.Backward(layer, x, [1, 2, 3, 4, 5, 6, 7]));
    }

    [Fact]
    public void Parameters_Rectifier_AreNone() => Assert.Empty(new ReLU().Parameters);
}
