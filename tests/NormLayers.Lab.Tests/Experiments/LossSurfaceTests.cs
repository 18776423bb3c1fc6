using NormLayers.Lab.Experiments;
using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Tests.Experiments;

public sealed class LossSurfaceTests
{
    [Fact]
    public void Read_QuadraticLoss_IsTheClosedForm()
    {
        // L(w) = w²/2 at w = 2: the gradient is w, so that the walk t ends at 2(1 − t), and β is 1 everywhere.
        Linear linear = new(1, 1, new RandomSource(1), withBias: false);
        linear.Weight.Value[0] = 2;
        Linear second = new(1, 1, new RandomSource(1), withBias: false, name: "fixed");
        second.Weight.Value[0] = 1;
        second.Weight.Frozen = true;
        LossSurface surface = new(new Sequential(linear, second), [1], (1, 1), HalfSquare);

        SurfaceReading reading = surface.Read(0.25, [1, 2]);

        Assert.Equal(2, reading.Loss, 1e-6);
        Assert.Equal((0.5, 1.125), (reading.LowestLoss, reading.HighestLoss));
        Assert.Equal((0.5, 1), (reading.LeastChange, reading.GreatestChange));
        Assert.Equal(1, reading.Smoothness, 1e-6);
        Assert.Equal(2, linear.Weight.Value[0]);
    }

    [Fact]
    public void Read_TwoLayers_ShiftsTheSecondByTheStepOfTheFirst()
    {
        // L = (vwx)²/2 with x = 1, w = 2, v = 3: dL/dv = vw² = 12 and dL/dw = v²w = 18; after w ← 2 − 0.05·18 = 1.1, dL/dv = 3.63.
        Linear first = new(1, 1, new RandomSource(1), withBias: false, name: "first");
        Linear second = new(1, 1, new RandomSource(1), withBias: false, name: "second");
        first.Weight.Value[0] = 2;
        second.Weight.Value[0] = 3;

        SurfaceReading reading = new LossSurface(new Sequential(first, second), [1], (1, 1), HalfSquare).Read(0.05, [1]);

        Assert.Equal(12 - 3.63, reading.ShiftDistance, 1e-5);
        Assert.Equal(1, reading.ShiftCosine, 1e-6);
        Assert.Equal((2, 3), (first.Weight.Value[0], second.Weight.Value[0]));
    }

    private static double HalfSquare(float[] y, float[] dy)
    {
        dy[0] = y[0];
        return y[0] * y[0] / 2.0;
    }
}
