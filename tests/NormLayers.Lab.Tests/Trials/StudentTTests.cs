using NormLayers.Lab.Trials;

namespace NormLayers.Lab.Tests.Trials;

public sealed class StudentTTests
{
    // Published tables of Student's t, two-sided 95 %, to the digits they give.
    [Theory]
    [InlineData(1, 12.7062)]
    [InlineData(2, 4.3027)]
    [InlineData(3, 3.1824)]
    [InlineData(4, 2.7764)]
    [InlineData(5, 2.5706)]
    [InlineData(9, 2.2622)]
    [InlineData(10, 2.2281)]
    [InlineData(29, 2.0452)]
    [InlineData(30, 2.0423)]
    [InlineData(120, 1.9799)]
    public void CriticalValue_95Percent_IsTheTables(int degrees, double expected) =>
        Assert.Equal(expected, StudentT.CriticalValue(0.95, degrees), 4);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(8)]
    public void CentralProbability_AnyT_IsTheIntegralOfTheDensity(int degrees)
    {
        // The density up to its constant; the constant is the integral over everything, by the same substitution u = t/(1 + t).
        double whole = Integrate(1);
        foreach (double t in (double[])[0.1, 0.7, 2, 5])
        {
            Assert.Equal(Integrate(t / (1 + t)) / whole, StudentT.CentralProbability(t, degrees), 1e-6);
        }

        double Integrate(double end)
        {
            const int Parts = 200_000;
            double sum = 0;
            for (int i = 0; i < Parts; i++)
            {
                double u = (i + 0.5) / Parts * end;
                double t = u / (1 - u);
                sum += Math.Pow(1 + t * t / degrees, -(degrees + 1) / 2.0) / ((1 - u) * (1 - u));
            }

            return sum * end / Parts;
        }
    }

    [Theory]
    [InlineData(0.5, 6)]
    [InlineData(0.99, 3)]
    [InlineData(0.999, 11)]
    public void CriticalValue_BackThroughProbability_IsTheConfidence(double confidence, int degrees) =>
        Assert.Equal(confidence, StudentT.CentralProbability(StudentT.CriticalValue(confidence, degrees), degrees), 1e-14);

    [Fact]
    public void CriticalValue_ManyDegrees_ApproachesTheNormal() => Assert.Equal(1.959964, StudentT.CriticalValue(0.95, 1_000_000), 1e-5);

    [Fact]
    public void OutOfRange_IsToldOrTheLimit()
    {
        Assert.Equal((1, 1), (StudentT.CentralProbability(1e200, 5), StudentT.CentralProbability(double.PositiveInfinity, 5)));
        Assert.Equal(1.95996, StudentT.CriticalValue(0.95, int.MaxValue), 4);
        Assert.Throws<ArgumentOutOfRangeException>("t", () => StudentT.CentralProbability(-1, 5));
        foreach (double confidence in (double[])[double.NaN, -1, 0, 1, 2])
        {
            Assert.Throws<ArgumentOutOfRangeException>("confidence", () => StudentT.CriticalValue(confidence, 5));
        }
    }

    [Fact]
    public void CentralProbability_NoDegrees_Throws() => Assert.Throws<ArgumentOutOfRangeException>(() => StudentT.CentralProbability(1, 0));
}
