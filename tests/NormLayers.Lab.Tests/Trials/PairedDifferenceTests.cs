using NormLayers.Lab.Trials;

namespace NormLayers.Lab.Tests.Trials;

public sealed class PairedDifferenceTests
{
    [Fact]
    public void Of_FiveValues_HasTheTextbookInterval()
    {
        Estimate estimate = Estimate.Of([1, 2, 3, 4, 5]);

        Assert.Equal(5, estimate.Count);
        Assert.Equal(3, estimate.Mean);

        // s = √2.5, n = 5, t(4) = 2.776445.
        Assert.Equal(2.776445 * Math.Sqrt(2.5) / Math.Sqrt(5), estimate.HalfWidth, 6);
    }

    [Fact]
    public void Of_OneOrNoValue_HasNoInterval()
    {
        Assert.True(double.IsNaN(Estimate.Of([7]).HalfWidth));
        Assert.Equal(7, Estimate.Of([7]).Mean);
        Assert.True(double.IsNaN(Estimate.Of([]).Mean));
    }

    [Fact]
    public void Of_ListsOfOtherLengths_Throws() => Assert.Throws<ArgumentException>("second", () => PairedDifference.Of([1, 2, 3], [1], higherIsBetter: false));

    [Fact]
    public void Of_SmallButSteadyDifference_IsFoundDespiteLargeSpread()
    {
        // The seeds differ by far more than the modes: only the pairing shows it.
        PairedDifference difference = PairedDifference.Of([1.0, 5, 9, 13], [1.5, 5.4, 9.6, 13.5], higherIsBetter: false);

        Assert.Equal(Verdict.First, difference.Verdict);
        Assert.Equal(-0.5, difference.Estimate.Mean, 12);
        Assert.Equal("none better by 0.50 ± 0.13", difference.Describe("none", "batchnorm", "0.00"));
        Assert.Equal(Verdict.Second, PairedDifference.Of([1.0, 5, 9, 13], [1.5, 5.4, 9.6, 13.5], higherIsBetter: true).Verdict);
    }

    [Fact]
    public void Of_DifferenceOfEitherSign_IsNoDifference()
    {
        PairedDifference difference = PairedDifference.Of([1.0, 2, 3], [1.1, 1.8, 3.1], higherIsBetter: false);

        Assert.Equal(Verdict.NoDifference, difference.Verdict);
        Assert.StartsWith("no difference: 0.0000 ± ", difference.Describe("a", "b"), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_EqualValues_IsNoDifference() =>
        Assert.Equal(Verdict.NoDifference, PairedDifference.Of([1.0, 2], [1.0, 2], higherIsBetter: false).Verdict);

    [Fact]
    public void Of_TrialsWithoutValue_LeavesTheirSeedsOut()
    {
        PairedDifference difference = PairedDifference.Of([1.0, null, 3, double.NaN], [2.0, 2, 4, 4], higherIsBetter: false);

        Assert.Equal(2, difference.Estimate.Count);
        Assert.Equal(Verdict.First, difference.Verdict);
    }

    [Fact]
    public void Of_OnePair_IsUndecided()
    {
        PairedDifference difference = PairedDifference.Of([1.0, null], [2.0, 2], higherIsBetter: false);

        Assert.Equal(Verdict.Undecided, difference.Verdict);
        Assert.Equal("undecided: 1 of the 2 seeds it takes", difference.Describe("a", "b"));
    }
}
