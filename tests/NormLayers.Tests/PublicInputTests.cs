using System.Numerics.Tensors;
using NormLayers.Exchange;
using NormLayers.Network;
using NormLayers.Normalization;
using NormLayers.Numerics;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests;

/// <summary>What callers can give gets an exception that names it, and never one of the runtime's own.</summary>
public sealed class PublicInputTests
{
    [Fact]
    public void Functional_NoChannels_IsRefusedWithAndWithoutAMask()
    {
        foreach (bool[] mask in (bool[][])[[], [true, false, true, true]])
        {
            Refused("shape", () => Functional.BatchNormTraining([], (4, 0), Functional.Ones, Functional.Zeros, 1e-5, [], new NormStatistics(), mask: mask));
            Refused("shape", () => Functional.BatchNormBackward([], [], (4, 0, 3), Functional.Ones, new NormStatistics(), [], [], [], mask: mask));
            Refused("shape", () => Functional.GhostBatchNormTraining([], (4, 0), 2, Functional.Ones, Functional.Zeros, 1e-5, [], new NormStatistics(), mask: mask));
            Refused("shape", () => Functional.BatchRenormTraining([], (4, 0), [], [], (3, 5), Functional.Ones, Functional.Zeros, 1e-5, [], new NormStatistics(), mask: mask));
            Refused("shape", () => Functional.GroupNorm([], (4, 0), 1, Functional.Ones, Functional.Zeros, 1e-5, [], new NormStatistics(), mask: mask));
            Refused("shape", () => Functional.InstanceNorm([], (4, 0, 1), Functional.Ones, Functional.Zeros, 1e-5, [], new NormStatistics(), mask: mask));
            Refused("shape", () => Functional.InstanceNormBackward([], [], (4, 0, 1), Functional.Ones, new NormStatistics(), [], [], [], mask: mask));
        }

        Functional.BatchNormTraining([], (0, 3), Functional.Ones, Functional.Zeros, 1e-5, [], new NormStatistics());
    }

    [Fact]
    public void AddNorms_EmptyBatch_LeaveStatisticsForTheBackwardPass()
    {
        NormStatistics statistics = new();
        Functional.LayerNorm([1, 2, 3, 4], 2, Functional.Ones, Functional.Zeros, 1e-5, new float[4], statistics: statistics);
        Functional.AddLayerNorm([], [], 2, Functional.Ones, Functional.Zeros, 1e-5, [], [], statistics);
        Assert.Equal(0, statistics.Count);
        Functional.LayerNormBackward([], [], 2, Functional.Ones, statistics, [], [], []);
        Functional.RmsNorm([1, 2, 3, 4], 2, Functional.Ones, 1e-5, new float[4], statistics);
        Functional.AddRmsNorm([], [], 2, Functional.Ones, 1e-5, [], [], statistics);
        Assert.Equal(0, statistics.Count);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    public void RmsNormBackward_EpsilonOutOfRange_IsNamedAsTheParameterIs(double epsilon) =>
        Refused("epsilonOutsideRoot", () => Functional.RmsNormBackward([1], [1], 1, Functional.Ones, new NormStatistics(), [], [], epsilon));

    [Fact]
    public void Backward_GradientsByOtherNames_AreNamedAsTheParametersAre()
    {
        NormStatistics statistics = new();
        float[] dy = [1, 2];
        float[] one = [1, 1];
        Functional.AdaptiveLayerNorm([1, 2], (1, 2), one, one, 1e-5, new float[2], statistics);
        Refused("dScale", () => Functional.AdaptiveLayerNormBackward([1, 2], dy, (1, 2), one, statistics, [], new float[1], []));
        Refused("dShift", () => Functional.AdaptiveLayerNormBackward([1, 2], dy, (1, 2), one, statistics, [], [], new float[1]));
        Refused("dScale", () => Functional.AdaptiveLayerNormBackward([1, 2], dy, (1, 2), one, statistics, [], one, []));
        Functional.ScaleNorm([1, 2], 2, 1, 1e-5, new float[2], statistics);
        Refused("dG", () => Functional.ScaleNormBackward([1, 2], dy, 2, 1, 1e-5, statistics, [], ref dy[0]));
    }

    [Fact]
    public void Tensors_WithoutFeatures_AreRefusedByTheirNames()
    {
        float[] memory = [0]; // A tensor without any is refused by its own constructor.
        Refused("x", () => Functional.LayerNorm(new ReadOnlyTensorSpan<float>(memory, [3, 0]), [], [], 1e-5, new TensorSpan<float>(memory, [3, 0])));
        Refused("x", () => Functional.AddLayerNorm(
            new ReadOnlyTensorSpan<float>(memory, [3, 0]), new ReadOnlyTensorSpan<float>(memory, [3, 0]), [], [], 1e-5, new TensorSpan<float>(memory, [3, 0]), new TensorSpan<float>(memory, [3, 0])));
        Refused("x", () => Functional.BatchNorm(new ReadOnlyTensorSpan<float>(memory, [3, 0]), [], [], [], [], 1e-5, new TensorSpan<float>(memory, [3, 0])));
    }

    [Fact]
    public void GroupNorm_EmptyBatch_AddsNothing()
    {
        NormStatistics statistics = new();
        float[] dGamma = [1, 2, 3, 4];
        Functional.GroupNorm([], (0, 4, 3), 2, Functional.Ones, Functional.Zeros, 1e-5, [], statistics);
        Functional.GroupNormBackward([], [], (0, 4, 3), 2, Functional.Ones, statistics, [], dGamma, []);
        Assert.Equal([1, 2, 3, 4], dGamma);
    }

    [Fact]
    public void PackedMatrix_CopyOfMoreElementsThanAnArrayHas_IsRefused() =>
        Refused("matrix", () => _ = new PackedMatrix(new MatrixView(new float[70_000_000], 70_000_000, 1)));

    [Fact]
    public void Null_InsideOptionsAndLists_IsNamed()
    {
        Refused("options.HiddenFeatures", () => Mlp.Create(new MlpOptions { InputFeatures = 3, Classes = 2, HiddenFeatures = null! }));
        Refused("tensors", () => SafetensorsWriter.Write(Stream.Null, [null!]));
        Refused("more", () => new ReLU().Save(Stream.Null, more: [null!]));
        Refused("metadata", () => SafetensorsWriter.Write(Stream.Null, [], new Dictionary<string, string> { ["a"] = null! }));
        Refused("options.Name", () => Write(new OnnxOptions { Name = null! }));
        Refused("options.Documentation", () => Write(new OnnxOptions { Documentation = null! }));
        Refused("options.Input", () => Write(new OnnxOptions { Input = null! }));
        Refused("options.Output", () => Write(new OnnxOptions { Output = null! }));
        Refused("options.Metadata", () => Write(new OnnxOptions { Metadata = null! }));
        Refused("options", () => Write(new OnnxOptions { Metadata = new Dictionary<string, string> { ["a"] = null! } }));

        static void Write(OnnxOptions options) => new ReLU().WriteOnnx(Stream.Null, 3, options);
    }

    [Fact]
    public void WriteOnnx_StreamForReading_IsRefused()
    {
        using MemoryStream reading = new(new byte[3], writable: false);
        Refused("stream", () => new ReLU().WriteOnnx(reading, 3));
        MemoryStream closed = new();
        closed.Dispose();
        Refused("stream", () => new ReLU().WriteOnnx(closed, 3));
    }

    [Fact]
    public void WithLast_NoDimension_IsRefused() => Assert.Throws<InvalidOperationException>(() => default(Shape).WithLast(3));

    [Fact]
    public void Rearrangement_MoreElementsThanAnArrayHas_IsRefused()
    {
        Refused("second", () => Rearrangement.SwapAxes(70_000, 70_000));
        Refused("second", () => Rearrangement.Flatten(65_536, 65_536));
        Refused("features", () => Rearrangement.Patches(1_000_000, new PatchOptions(500, 1)));
        Assert.Contains("patches of 500x500 at a stride of 1 have more than", new PatchOptions(500, 1).FindProblem(1_000_000), StringComparison.Ordinal);
        Assert.Null(new PatchOptions(500, 250).FindProblem(1_000_000));
    }

    [Fact]
    public void Optimizer_ParameterTwice_IsRefused()
    {
        Linear linear = new(2, 1, new RandomSource(1));
        Refused("parameters", () => _ = new SgdOptimizer([.. linear.Parameters, linear.Parameters[0]], 0.1));
        Refused("parameters", () => _ = new AdamOptimizer([linear.Parameters[1], linear.Parameters[1]]));
    }

    [Fact]
    public void Optimizer_ListThatChangesLater_IsItsOwnCopy()
    {
        List<Parameter> parameters = [.. new Linear(2, 1, new RandomSource(1)).Parameters];
        SgdOptimizer optimizer = new(parameters, 1, momentum: 0.9);
        parameters.Add(new Parameter("late", 100));
        Assert.Equal(2, optimizer.Parameters.Count);
        optimizer.Step();
    }

    [Fact]
    public void Optimizer_NumbersBeyondFloats_AreRefused()
    {
        Parameter[] one = [new("w", 1)];
        Refused("learningRate", () => _ = new SgdOptimizer(one, 1e39));
        Refused("weightDecay", () => _ = new SgdOptimizer(one, 1e-40, weightDecay: 1e39));
        Refused("weightDecay", () => _ = new SgdOptimizer(one, 1e30, weightDecay: 1e30));
        Refused("LearningRate", () => new SgdOptimizer(one, 1) { LearningRate = 1e39 }.Step());
        new AdamOptimizer(one, 1e39).Step();
        Refused("InitializationScale", () => Mlp.Create(new MlpOptions { InputFeatures = 1, Classes = 2, InitializationScale = 1e300 }));
    }

    [Fact]
    public void Sequential_LayerTwice_IsRefusedAtAnyDepth()
    {
        LayerNorm1D norm = new(3);
        Refused("layers", () => _ = new Sequential(norm, new ReLU(), new Sequential(norm)));
        Sequential inner = new("a", norm);
        Refused("layers", () => _ = new Sequential(inner, new Sequential("b", inner)));
        Linear linear = new(3, 3, new RandomSource(1));
        Refused("layers", () => _ = new Sequential(new Sequential("a", linear), new Sequential("b", new WeightNorm(linear))));
        Sequential both = new(new Sequential("a", new ReLU()), new Sequential("b", new Linear(3, 2, new RandomSource(1))));
        Assert.Equal(["b.linear.weight", "b.linear.bias"], both.NamedParameters.Select(p => p.Name));
    }

    [Fact]
    public void ScaleNorm_EpsilonOfMinusZero_IsZero()
    {
        Assert.True(GradientCheck.Check(new ScaleNorm(3, -0.0), (2, 3)).Passed);
        float[] x = [1, 2, 3];
        float[] dy = [1, 2, 4];
        (float[] dx, float[] expected) = (new float[3], new float[3]);
        float dG = 0;
        NormStatistics statistics = new();
        Functional.ScaleNorm(x, 3, 1, -0.0, new float[3], statistics);
        Functional.ScaleNormBackward(x, dy, 3, 1, -0.0, statistics, dx, ref dG);
        Functional.ScaleNormBackward(x, dy, 3, 1, 0, statistics, expected, ref dG);
        Assert.Equal(expected, dx);
    }

    [Fact]
    public void SoftmaxCrossEntropy_GradientsOverPartOfTheLogits_AreRefused()
    {
        float[] memory = new float[11];
        Refused("dLogits", () => SoftmaxCrossEntropy.Evaluate(memory.AsSpan(0, 10), [1, 2], memory.AsSpan(1, 10)));
        Refused("dLogits", () => SoftmaxCrossEntropy.Evaluate(new float[2], System.Runtime.InteropServices.MemoryMarshal.Cast<float, int>(memory.AsSpan(0, 1)), memory.AsSpan(0, 2)));
        SoftmaxCrossEntropy.Evaluate(memory.AsSpan(0, 10), [1, 2], memory.AsSpan(0, 10));
    }

    [Fact]
    public void EmptyTensors_OfManyChannels_TakeNoMemory()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        NormStatistics statistics = new();
        Functional.GroupNorm([], (0, int.MaxValue), 1, Functional.Ones, Functional.Zeros, 1e-5, [], statistics);
        Functional.GroupNormBackward([], [], (0, int.MaxValue), 1, Functional.Ones, statistics, [], [], []);
        Functional.InstanceNorm([], (int.MaxValue, 1, 0), Functional.Ones, Functional.Zeros, 1e-5, [], statistics);
        Functional.InstanceNormBackward([], [], (int.MaxValue, 1, 0), Functional.Ones, statistics, [], [], []);
        Assert.Equal(0, statistics.Count);
        Functional.GroupNormBackward([], [], (0, 4, 2), 2, Functional.Ones, NormStatistics.From([0, 0], [1, 1]), [], [], []);
        foreach (Layer layer in (Layer[])[new GroupNorm(1, 1), new InstanceNorm(1)])
        {
            layer.Forward([], (int.MaxValue, 1, 0), []);
            layer.Backward([], [], []);
        }

        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1_000_000);
        Assert.Equal(0, new Shape(int.MaxValue, int.MaxValue, 0).Length);
        Assert.Equal(0, new MatrixBatch([], 0, int.MaxValue, int.MaxValue).Count);
    }

    [Fact]
    public void RestoreState_StatesOfNoGenerator_AreRefused()
    {
        RandomSource random = new(1);
        Assert.Contains("got four that are 0", Assert.Throws<ArgumentException>("state", () => random.RestoreState([0, 0, 0, 0, 0])).Message, StringComparison.Ordinal);
        Assert.Contains("got 4 numbers", Assert.Throws<ArgumentException>("state", () => random.RestoreState([1, 0, 0, 0])).Message, StringComparison.Ordinal);
        Refused("state", () => random.RestoreState([1, 2, 3, 4, BitConverter.DoubleToInt64Bits(double.PositiveInfinity)]));
        random.RestoreState(random.SaveState());
    }

    [Fact]
    public void SafetensorsWriter_ShapeWithoutDimensions_IsRefused() => Refused(
        "tensors",
        () => SafetensorsWriter.Write(Stream.Null, [new NamedState("e", default(Shape), Array.Empty<float>())]));

    [Theory]
    [InlineData(double.NaN, 1, "low")]
    [InlineData(double.NegativeInfinity, 1, "low")]
    [InlineData(0, double.PositiveInfinity, "high")]
    [InlineData(0, double.NaN, "high")]
    [InlineData(2, 1, "high")]
    [InlineData(-1e308, 1e308, "high")]
    public void NextDouble_EndsWithoutNumbersBetween_AreRefused(double low, double high, string argument) => Refused(argument, () => new RandomSource(1).NextDouble(low, high));

    [Fact]
    public void Activations_OfOneLayer_SaysThatNothingIsBetween()
    {
        Sequential network = new(new ReLU());
        network.Forward([1], (1, 1), new float[1]);
        Assert.Contains("more than one layer", Assert.Throws<ArgumentOutOfRangeException>("layer", () => _ = network.Activations(0).Length).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Mask_ThatLeavesOneValueASet_IsNamedAsTheCallerNamesIt()
    {
        bool[] mask = [true, false];
        float[] x = [1, 2, 3, 4];
        Refused("Mask", () => new GroupNorm(2, 2) { Mask = mask }.Forward(x, (1, 2, 2), new float[4]));
        Refused("Mask", () => new InstanceNorm(2) { Mask = mask }.Forward(x, (1, 2, 2), new float[4]));
        Refused("Mask", () => new BatchNorm(2) { Mask = mask }.Forward(x, (2, 2), new float[4]));
        Refused("mask", () => Functional.GroupNorm(x, (1, 2, 2), 2, Functional.Ones, Functional.Zeros, 1e-5, new float[4], new NormStatistics(), mask: mask));
        Refused("mask", () => Functional.InstanceNorm(x, (1, 2, 2), Functional.Ones, Functional.Zeros, 1e-5, new float[4], new NormStatistics(), mask: mask));
        Refused("mask", () => Functional.BatchNormTraining(x, (2, 2), Functional.Ones, Functional.Zeros, 1e-5, new float[4], new NormStatistics(), mask: mask));
        Refused("shape", () => Functional.BatchNormTraining(x, (1, 4), Functional.Ones, Functional.Zeros, 1e-5, new float[4], new NormStatistics()));
    }

    [Fact]
    public void Variance_AfterAPassThatWritesNone_IsEmpty()
    {
        NormStatistics statistics = new();
        float[] x = [.. Enumerable.Range(0, 16)];
        Functional.BatchNormTraining(x, (4, 4), Functional.Ones, Functional.Zeros, 1e-5, new float[16], statistics);
        Assert.Equal([20, 20, 20, 20], statistics.Variance.ToArray());
        Functional.GroupNorm(x, (4, 4), 2, Functional.Ones, Functional.Zeros, 1e-5, new float[16], statistics);
        Assert.Equal((8, 0), (statistics.Count, statistics.Variance.Length));
        Functional.InstanceNorm(x, (2, 2, 4), Functional.Ones, Functional.Zeros, 1e-5, new float[16], statistics);
        Assert.Equal([1.25, 1.25, 1.25, 1.25], statistics.Variance.ToArray());
        float[] wide = [.. Enumerable.Range(0, 64)];
        Functional.GroupNorm(wide, (1, 4, 16), 2, Functional.Ones, Functional.Zeros, 1e-5, new float[64], statistics);
        Assert.Equal([85.25, 85.25], statistics.Variance.ToArray());
        Functional.LayerNorm(x, 4, Functional.Ones, Functional.Zeros, 1e-5, new float[16], statistics: statistics);
        Assert.Equal((4, 0), (statistics.Count, statistics.Variance.Length));
    }

    [Fact]
    public void Workspace_BeyondAnArray_IsCountedAndRefused()
    {
        const int Many = 1 << 29;
        Assert.True(GroupedNorm.WorkspaceLength(new Groups(1, Many, 1, Many / 4)) > int.MaxValue);
        Assert.True(ChannelNorm.WorkspaceLength(new Planes(1, Many, 1)) > int.MaxValue);
        Assert.True(RowNorm.WorkspaceLength(1, 3 * Many) > int.MaxValue);
        Assert.True(TanhRows.WorkspaceLength(1, 3 * Many) > int.MaxValue);
        Assert.Contains(
            "needs a workspace of 3000000000 numbers, and it can have 1073741816",
            Assert.Throws<InvalidOperationException>(() => default(AlignedBuffer).AtLeast(3_000_000_000)).Message,
            StringComparison.Ordinal);
    }

    public static TheoryData<string> Layers => [.. s_layers.Keys];

    private static readonly Dictionary<string, (Layer Layer, Shape Empty)> s_layers = new (Layer, Shape)[]
    {
        (new LayerNorm1D(4), (0, 4)),
        (new LayerNorm((2, 4)), (0, 2, 4)),
        (new RmsNorm(4), (0, 4)),
        (new ScaleNorm(4), (0, 4)),
        (new DyT(4), (0, 4)),
        (new DynamicLayerNorm(4), (0, 4)),
        (new AdaptiveLayerNorm(4), (0, 2, 4)),
        (new BatchNorm(4), (0, 4, 2)),
        (new GhostBatchNorm(4, 2), (0, 4)),
        (new BatchRenorm(4, RenormLimits.Paper), (0, 4)),
        (new GroupNorm(2, 4), (0, 4, 2)),
        (new InstanceNorm(4), (0, 4, 2)),
        (new LocalResponseNorm(3), (0, 4, 2)),
        (new WeightNorm(new Linear(4, 3, new RandomSource(1))), (0, 4)),
        (new WeightStandardization(new Linear(4, 3, new RandomSource(1))), (0, 4)),
        (new Linear(4, 3, new RandomSource(1)), (0, 4)),
        (new Softmax(), (0, 4)),
        (new Gelu(), (0, 4)),
        (Rearrangement.Patches(16, new PatchOptions(2, 1)), (0, 16)),
        (Rearrangement.SwapAxes(2, 4), (0, 2, 4)),
        (Rearrangement.Flatten(2, 4, "flat"), (0, 2, 4)),
    }.ToDictionary(l => l.Item1.GetType().Name + " " + l.Item1.Name);

    [Theory]
    [MemberData(nameof(Layers))]
    public void Passes_EmptyBatch_AreEmptyInTheReferenceToo(string name)
    {
        (Layer layer, Shape empty) = s_layers[name];
        layer.Forward([], empty, []);
        layer.Backward([], [], []);
        ReferenceLayer reference = layer.CreateReference()!;
        Assert.Empty(reference.Forward([], empty));
        Assert.Empty(reference.Backward([]));
        Assert.All(layer.Parameters, p => Compare.AllEqual(0, p.Gradient, p.Name));
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Forward_ShapeWithoutDimensions_IsRefusedOrEmpty(string name)
    {
        Exception? error = Record.Exception(() => s_layers[name].Layer.Forward([], default, []));
        Assert.True(error is null or ArgumentException or InvalidOperationException, $"{error}");
    }

    private static void Refused(string argument, Action call) => Assert.Equal(argument, Assert.ThrowsAny<ArgumentException>(call).ParamName);
}
