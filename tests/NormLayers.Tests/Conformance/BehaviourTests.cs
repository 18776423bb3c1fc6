using NormLayers.Network;
using NormLayers.Tests.Exchange;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>What PyTorch's tests say of the behaviour of a layer, each under that test's name; the others are in Layers/ and Rms/.</summary>
public sealed class BehaviourTests
{
    public static TheoryData<Layer, Shape> Empties => new()
    {
        { new BatchNorm1D(5), (0, 5, 9) }, { new BatchNorm1D(1), (0, 1) }, { new BatchNorm2D(3), (0, 3, 2, 2) }, { new LayerNorm(1), (0, 1) }, { new LayerNorm(5), (0, 5) },
        { new RmsNorm(1), (0, 1) }, { new RmsNorm(5), (0, 5) }, { new GroupNorm(1, 2), (0, 2) }, { new GroupNorm(2, 4), (0, 4, 2, 2) },
        { new LocalResponseNorm(1), (0, 1, 2) }, { new LocalResponseNorm(2), (0, 5, 24, 24) },
    };

    /// <summary>A batch normalization of one channel, all zeros, as an old version saved it.</summary>
    internal static byte[] FileWithoutCounter => SafetensorsBytes.File(
        """{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"bias":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"running_mean":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"running_var":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}""",
        new byte[16]);

    // BatchNorm_empty, GroupNorm_empty, LocalResponseNorm_empty, pytorch#12013. Of an empty batch PyTorch's batch_norm_update_stats makes an error.
    [Theory]
    [MemberData(nameof(Empties))]
    public void Passes_Empty_GiveZerosForGradientsAndLeaveTheStatistics(Layer layer, Shape shape)
    {
        foreach (bool training in (bool[])[true, false])
        {
            layer.Training = training;
            Assert.Empty(Samples.Forward(layer, [], shape));
            Assert.Empty(Samples.Backward(layer, [], []));
        }

        Assert.All(layer.Parameters, p => Compare.AllEqual(0, p.Gradient, p.Name));
        if (layer is BatchNorm { Running: { } running })
        {
            Compare.AllEqual(0, running.Mean, "running mean");
            Compare.AllEqual(1, running.Variance, "running variance");
            Assert.Equal(0, running.BatchesSeen);
        }
    }

    // batchnorm_eval, batchnorm_update_stats.
    [Theory]
    [InlineData(3, 3, 1)]
    [InlineData(3, 3, 3)]
    [InlineData(4, 3, 1)]
    public void BatchNorm_Evaluation_IsTheSameTwiceAndAsTrainingIfNothingIsTracked(int rows, int channels, int length)
    {
        Shape shape = length == 1 ? (rows, channels) : (rows, channels, length);
        (float[] x, float[] dy) = (Samples.Normal(shape.Length), Samples.Upstream(shape.Length));
        BatchNorm1D tracked = new(channels);
        BatchNorm1D untracked = new(channels, trackRunningStatistics: false);
        (float[] y, float[] dx) = Run(untracked, training: true);
        (float[] again, float[] dxAgain) = Run(untracked, training: false);
        Compare.SameBits(y, again, "y, untracked");
        Compare.SameBits(dx, dxAgain, "dx, untracked");

        Run(tracked, training: true);
        Assert.All(tracked.Running!.Mean, v => Assert.NotEqual(0, v));
        Assert.All(tracked.Running.Variance, v => Assert.NotEqual(1, v));
        (y, dx) = Run(tracked, training: false);
        (again, dxAgain) = Run(tracked, training: false);
        Compare.SameBits(y, again, "y");
        Compare.SameBits(dx, dxAgain, "dx");
        Assert.Equal(1, tracked.Running.BatchesSeen);

        (float[] Y, float[] Dx) Run(BatchNorm1D layer, bool training)
        {
            layer.Training = training;
            return (Samples.Forward(layer, x, shape), Samples.Backward(layer, x, dy));
        }
    }

    // batch_norm_backward: one layer behind another, the parameters of either frozen.
    [Fact]
    public void BatchNorm_BehindAnotherWithFrozenParameters_GivesTheSameGradient()
    {
        Shape shape = (4, 3, 5);
        (float[] x, float[] dy) = (Samples.Normal(shape.Length, 1, 2), Samples.Upstream(shape.Length));
        List<float[]> gradients = [];
        foreach ((bool first, bool second) in (ReadOnlySpan<(bool, bool)>)[(false, false), (true, false), (false, true), (true, true)])
        {
            BatchNorm1D[] layers = [new(3, name: "first") { FreezeParameters = first }, new(3, name: "second") { FreezeParameters = second }];
            Sequential network = new(layers);
            Samples.Forward(network, x, shape);
            gradients.Add(Samples.Backward(network, x, dy));
            Assert.All(layers, l => Assert.All(l.Parameters, p => Assert.Equal(l.FreezeParameters, p.Gradient.All(g => g == 0))));
        }

        Assert.Contains(gradients[0], v => Math.Abs(v) > 1e-6);
        Assert.All(gradients, dx => Compare.SameBits(gradients[0], dx, "dx"));
    }

    // batchnorm_load_state_dict: the counter starts at 0, and a file that lacks it (older ones do) leaves it.
    [Fact]
    public void BatchNorm_FileWithoutCounter_LeavesItAndSaysSo()
    {
        BatchNorm1D layer = new(3);
        Assert.Equal(0, layer.Running!.BatchesSeen);
        layer.Running.BatchesSeen = 7;
        layer.Load(new MemoryStream(SafetensorsBytes.File("{}")), strict: false);
        Assert.Equal(7, layer.Running.BatchesSeen);

        BatchNorm1D old = new(1);
        LoadReport report = old.Load(new MemoryStream(FileWithoutCounter), strict: false);
        Assert.Equal(["num_batches_tracked"], report.Missing);
        Assert.Equal((0, 0), (old.Running!.BatchesSeen, old.Running.Variance[0]));
    }
}
