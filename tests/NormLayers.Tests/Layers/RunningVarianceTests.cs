namespace NormLayers.Tests.Layers;

/// <summary>A running variance or deviation that no data has is refused where it would be used, and only there.</summary>
public sealed class RunningVarianceTests
{
    private const int C = 3;

    private static readonly Shape s_shape = new(2, C, 2);
    private static readonly float[] s_x = [1, 2, 3, 4, 5, 6, 7, 9, 8, 12, 11, 10];

    public static TheoryData<string, float> BadSpreads =>
    [
        .. from layer in (string[])["batchnorm", "frozen", "ghostbatchnorm", "frozen ghostbatchnorm", "batchrenorm", "frozen batchrenorm", "training batchrenorm", "instancenorm"]
           from spread in (float[])[-1e-30f, -2f, float.NegativeInfinity, float.NaN]
           select (layer, spread),
    ];

    [Theory]
    [MemberData(nameof(BadSpreads))]
    public void Forward_SpreadOfNoData_IsRefusedBeforeAnythingIsWritten(string name, float spread)
    {
        NormalizationLayer layer = Create(name, NonFiniteStatistics.Skip);
        SpreadOf(layer)[1] = spread;
        float[] y = new float[s_x.Length];

        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => layer.Forward(s_x, s_shape, y));

        string what = layer is BatchRenorm ? "deviations" : "variances";
        Assert.Contains(FormattableString.Invariant($"{layer.Name}: expected running {what} ≥ 0, got {spread} in channel 1"), e.Message, StringComparison.Ordinal);
        Assert.Equal(new float[s_x.Length], y);
        Assert.Equal(0, layer.Running!.BatchesSeen);
        Assert.Throws<InvalidOperationException>(() => layer.Backward(s_x, y, new float[s_x.Length]));
    }

    [Theory]
    [InlineData("batchnorm", -0f)]
    [InlineData("batchnorm", float.Epsilon)]
    [InlineData("batchnorm", float.PositiveInfinity)]
    [InlineData("ghostbatchnorm", float.Epsilon)]
    [InlineData("instancenorm", float.PositiveInfinity)]
    public void Forward_VarianceOfSomeData_IsUsed(string name, float variance)
    {
        NormalizationLayer layer = Create(name, NonFiniteStatistics.Skip);
        SpreadOf(layer)[1] = variance;
        float[] y = new float[s_x.Length];

        layer.Forward(s_x, s_shape, y);

        Assert.Equal(variance > 1 ? 0 : 3 / MathF.Sqrt(1e-5f), y[2], 0.01f);
    }

    [Theory]
    [InlineData("batchnorm")]
    [InlineData("ghostbatchnorm")]
    [InlineData("batchrenorm")]
    [InlineData("instancenorm")]
    public void Forward_NaNWhereItIsAccepted_StaysInItsChannelAndANegativeOneBesideItIsRefused(string name)
    {
        NormalizationLayer layer = Create(name, NonFiniteStatistics.Accept);
        SpreadOf(layer)[1] = float.NaN;
        float[] y = new float[s_x.Length];

        layer.Forward(s_x, s_shape, y);
        Assert.Equal([false, false, true, true, false, false], y.Take(6).Select(float.IsNaN));

        SpreadOf(layer)[2] = -1;
        Assert.Throws<InvalidOperationException>(() => layer.Forward(s_x, s_shape, y));
    }

    [Theory]
    [InlineData("batchnorm")]
    [InlineData("ghostbatchnorm")]
    [InlineData("instancenorm")]
    public void Forward_TrainingWithTheBatchsOwn_LooksAtNoRunningVariance(string name)
    {
        NormalizationLayer layer = Create(name, NonFiniteStatistics.Skip);
        layer.Training = true;
        SpreadOf(layer)[0] = -1;

        layer.Forward(s_x, s_shape, new float[s_x.Length]);

        Assert.True(SpreadOf(layer)[0] > 0);
    }

    [Theory]
    [InlineData(-1e-30f)]
    [InlineData(float.NaN)]
    public void Functional_DeviationOfNoData_IsRefused(float deviation) => Assert.Throws<ArgumentException>("runningDeviation", () => Functional.BatchRenormTraining(
        s_x, s_shape, [0, 0, 0], [1, 1, deviation], (3, 5), Functional.Ones, Functional.Zeros, 1e-5, new float[s_x.Length], new NormStatistics()));

    // With the weight 1 the running statistics become the batch's.
    private static NormalizationLayer Create(string name, NonFiniteStatistics nonFinite)
    {
        Momentum momentum = Momentum.NewWeight(1);
        NormalizationLayer layer = name.Split(' ')[^1] switch
        {
            "batchnorm" or "frozen" => new BatchNorm(C, momentum: momentum, nonFinite: nonFinite),
            "ghostbatchnorm" => new GhostBatchNorm(C, 1, momentum: momentum, nonFinite: nonFinite),
            "batchrenorm" => new BatchRenorm(C, RenormLimits.Paper, momentum: momentum, nonFinite: nonFinite),
            _ => new InstanceNorm(C, momentum: momentum, trackRunningStatistics: true, nonFinite: nonFinite),
        };
        layer.Training = name.StartsWith("frozen", StringComparison.Ordinal) || name.StartsWith("training", StringComparison.Ordinal);
        if (name.StartsWith("frozen", StringComparison.Ordinal))
        {
            ((BatchNorm)layer).FreezeStatistics = true;
        }

        return layer;
    }

    private static float[] SpreadOf(NormalizationLayer layer) => layer is BatchRenorm ? layer.Running!.Deviation : layer.Running!.Variance;
}
