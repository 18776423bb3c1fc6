namespace NormLayers.Tests.Layers;

public sealed class MomentumTests
{
    [Fact]
    public void NewWeight_Batch_WeighsTheNewValue() => Assert.Equal(0.3, Momentum.NewWeight(0.3).WeightOfBatch(7));

    [Fact]
    public void OldWeight_Batch_WeighsTheOldValue() => Assert.Equal(1 - 0.99, Momentum.OldWeight(0.99).WeightOfBatch(7));

    [Theory]
    [InlineData(1, 1.0)]
    [InlineData(2, 0.5)]
    [InlineData(8, 0.125)]
    public void Cumulative_Batch_WeighsOneOverItsNumber(long batch, double weight) =>
        Assert.Equal(weight, Momentum.Cumulative.WeightOfBatch(batch));

    [Fact]
    public void Default_IsInStateDict()
    {
        Assert.Equal(Momentum.NewWeight(0.1), Momentum.Default);
        Assert.Equal(Momentum.Default, new BatchNorm1D(1).Momentum);
        Assert.False(Momentum.Default.IsCumulative);
        Assert.True(Momentum.Cumulative.IsCumulative);
    }

    [Fact]
    public void ToString_Momentum_NamesTheConvention()
    {
        Assert.Equal("new weight 0.1", Momentum.Default.ToString());
        Assert.Equal("new weight 0.1", Momentum.OldWeight(0.9).ToString());
        Assert.Equal("cumulative average", Momentum.Cumulative.ToString());
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public void Weight_OutOfRange_ThrowsWithExpectedAndActual(double weight)
    {
        string actual = weight.ToString(System.Globalization.CultureInfo.InvariantCulture);
        foreach (Func<double, Momentum> create in (Func<double, Momentum>[])[Momentum.NewWeight, Momentum.OldWeight])
        {
            ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(() => create(weight));
            Assert.StartsWith($"Expected a weight from 0 to 1, got {actual}.", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void WeightOfBatch_BelowTheFirst_IsRefused(long batch)
    {
        foreach (Momentum momentum in (Momentum[])[Momentum.Default, Momentum.Cumulative])
        {
            Assert.Equal("batch", Assert.Throws<ArgumentOutOfRangeException>(() => momentum.WeightOfBatch(batch)).ParamName);
        }
    }

    [Theory]
    [InlineData(0.9, 0.1)]
    [InlineData(0.99, 0.01)]
    [InlineData(0.9999, 0.0001)]
    public void Equals_TheSameByTheOldOrTheNewWeight_IsTrue(double oldWeight, double newWeight)
    {
        (Momentum byOld, Momentum byNew) = (Momentum.OldWeight(oldWeight), Momentum.NewWeight(newWeight));
        Assert.NotEqual(byNew.WeightOfBatch(1), byOld.WeightOfBatch(1));
        Assert.True(byOld == byNew);
        Assert.Equal(byNew.GetHashCode(), byOld.GetHashCode());
        Assert.Equal(byNew.ToString(), byOld.ToString());
        Assert.False(byOld == Momentum.NewWeight(newWeight + 1e-14));
        Assert.False(Momentum.NewWeight(0) == Momentum.Cumulative);
        Assert.True(default == Momentum.Cumulative);
    }
}
