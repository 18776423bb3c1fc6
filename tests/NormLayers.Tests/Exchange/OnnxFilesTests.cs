using System.Runtime.InteropServices;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Exchange;

/// <summary>The structure of ONNX files; that ONNX Runtime computes the same from them is tested in NormLayers.Onnx.Tests.</summary>
public sealed class OnnxFilesTests
{
    [Theory]
    [InlineData("batchnorm", 17, 8, "Gemm:linear1 BatchNormalization:norm1 Relu:relu1 Gemm:linear2 Identity:output")]
    [InlineData("layernorm", 17, 8, "Gemm:linear1 LayerNormalization:norm1 Relu:relu1 Gemm:linear2 Identity:output")]
    [InlineData("rmsnorm", 23, 11, "Gemm:linear1 RMSNormalization:norm1 Relu:relu1 Gemm:linear2 Identity:output")]
    [InlineData("none", 17, 8, "Gemm:linear1 Relu:relu1 Gemm:linear2 Identity:output")]
    public void WriteOnnx_Mlp_HasTheLayersAsNodes(string mode, int opset, int version, string nodes)
    {
        Sequential network = Mlp.Create(new MlpOptions { InputFeatures = 4, Classes = 3, HiddenFeatures = [5], Normalization = NormalizationKind.Find(mode)! });
        Protobuf model = Write(network, 4);
        Protobuf graph = model.Message(7);
        Assert.Equal(version, model.Integer(1));
        Assert.Equal(opset, model.Message(8).Integer(2));
        Assert.Equal(nodes, string.Join(' ', graph.Messages(1).Select(n => $"{n.Text(4)}:{n.Text(3)}")));
        Assert.All(graph.Messages(1), n => Assert.NotEmpty(n.Text(6)));
        Assert.Equal(
            network.NamedState.Where(s => s.Floats is not null).Select(s => $"{s.Name} {s.Shape}"),
            graph.Messages(5).Select(t => $"{t.Text(8)} ({string.Join(", ", t.Integers(1))})"));
        foreach ((NamedState state, Protobuf tensor) in network.NamedState.Where(s => s.Floats is not null).Zip(graph.Messages(5)))
        {
            Assert.Equal(1, tensor.Integer(2));
            Compare.SameBits(state.Floats, MemoryMarshal.Cast<byte, float>(tensor.Bytes(9)), state.Name);
        }

        Protobuf shape = graph.Message(11).Message(2).Message(1).Message(2);
        Assert.Equal(["batch"], shape.Messages(1).SelectMany(d => d.Texts(2)));
        Assert.Equal([4], shape.Messages(1).SelectMany(d => d.Integers(1)));
        Assert.Equal(Bytes(network, 4), Bytes(network, 4));
    }

    [Fact]
    public void WriteOnnx_SamplesOfTwoDimensions_TakeMatMulAndAdd()
    {
        Linear linear = new(3, 2, new RandomSource(1));
        Protobuf graph = Write(new Sequential(linear, new Gelu("g"), new SiLU("s"), new Softmax("p")), (5, 3)).Message(7);
        Assert.Equal("MatMul:linear Add:linear.bias Gelu:g Sigmoid:s.sigmoid Mul:s Softmax:p Identity:output", string.Join(' ', graph.Messages(1).Select(n => $"{n.Text(4)}:{n.Text(3)}")));
        float[] w = linear.Weight.Value;
        Protobuf weight = graph.Messages(5).Single(t => t.Text(8) == "linear.weight_transposed");
        Assert.Equal([3, 2], weight.Integers(1));
        Compare.SameBits([w[0], w[3], w[1], w[4], w[2], w[5]], MemoryMarshal.Cast<byte, float>(weight.Bytes(9)), "Wᵀ");
    }

    [Fact]
    public void WriteOnnx_LayerNormOfTwoDimensions_HasAxisMinus2()
    {
        Protobuf node = Write(new LayerNorm((2, 3), onePlusGamma: true), (4, 2, 3)).Message(7).Messages(1).First();
        Assert.Equal(-2, node.Messages(5).Single(a => a.Text(1) == "axis").Integer(3));
    }

    [Fact]
    public void WriteOnnx_RmsNorm_TakesOpset23AndTheSumOf1AndGamma()
    {
        RmsNorm norm = new(3, onePlusGamma: true, epsilon: 1e-6);
        norm.Gamma!.Value[1] = 0.5f;
        Protobuf model = Write(norm, 3);
        Assert.Equal(11, model.Integer(1));
        Assert.Equal(23, model.Message(8).Integer(2));
        Compare.SameBits([1, 1.5f, 1], MemoryMarshal.Cast<byte, float>(model.Message(7).Message(5).Bytes(9)), "1 + γ");
        Protobuf node = model.Message(7).Messages(1).First();
        Assert.Equal(["RMSNormalization"], node.Texts(4));
        Assert.Equal(-1, node.Messages(5).Single(a => a.Text(1) == "axis").Integer(3));
        Assert.Equal(1e-6f, node.Messages(5).Single(a => a.Text(1) == "epsilon").Float(2));
    }

    [Fact]
    public void WriteOnnx_LayersThatOnnxComputesOtherwise_AreNamed()
    {
        Refused("norm cannot be written as ONNX: it has no running statistics", new BatchNorm1D(3, trackRunningStatistics: false, name: "norm"));
        Refused("its ε is 0", new LayerNorm1D(3, epsilon: 0));
        Refused("its ε of 1E-60 is 0 as a float, and must be above 0", new BatchNorm1D(3, epsilon: 1e-60));
        Refused("its ε is added outside the root", new RmsNorm(3, epsilonOutsideRoot: true));
        Refused("norm cannot be written as ONNX: it has a mask", new Sequential(new ReLU(), new LayerNorm1D(3, name: "norm") { Mask = [true] }));
        Refused("it has a mask", new BatchNorm(3) { Mask = [true] });
        Refused("it has a mask", new RmsNorm(3) { Mask = [true] });
        Refused("it has a mask", new ScaleNorm(3) { Mask = [true] });
        Refused("it has a mask", new GhostBatchNorm(3, 2) { Mask = [true] });
        Refused("it has a mask", new BatchRenorm(3, RenormLimits.Paper) { Mask = [true] });
        Refused("Unknown is not among the layers that are written", new Sequential(new ReLU(), new Unknown()));

        static void Refused(string message, Layer layer)
        {
            using MemoryStream stream = new();
            Assert.Contains(message, Assert.Throws<NotSupportedException>(() => layer.WriteOnnx(stream, 3)).Message, StringComparison.Ordinal);
            Assert.Equal(0, stream.Length);
        }
    }

    [Fact]
    public void WriteOnnx_NamesAndShapesThatDoNotFit_AreRefused()
    {
        Linear linear = new(3, 2, new RandomSource(1));
        Assert.StartsWith(
            "Expected the shape of a sample that the network takes, got (4). Expected a shape",
            Assert.Throws<ArgumentException>("sample", () => linear.WriteOnnx(Stream.Null, 4)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => linear.WriteOnnx(Stream.Null, default));
        Assert.Throws<ArgumentException>(() => new ReLU().WriteOnnx(Stream.Null, new Shape(1, 1, 1, 1, 1, 1, 1, 1)));
        foreach (OnnxOptions options in (OnnxOptions[])[new() { Input = "weight" }, new() { Output = "x" }, new() { Output = "bias" }, new() { Softmax = "y" }, new() { Output = "output" }, new() { Input = "" }])
        {
            Assert.Contains("different names", Assert.Throws<ArgumentException>(() => linear.WriteOnnx(Stream.Null, 3, options)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void WriteOnnx_NumbersThatFloatsDoNotHold_AreRefused()
    {
        BatchRenorm constant = new(2, new RenormLimits(1, 0), epsilon: 0);
        constant.Running!.Deviation[1] = 0;
        Refused("its running deviation is 0 in channel 1", constant, 2);
        Refused("its α of 1E+100 is infinite as a float", new LocalResponseNorm(3, alpha: 1e100), 5);
        Refused("its k is 0, and must be above 0", new LocalResponseNorm(3, k: 0), 5);
        Refused("its ε of 1E+39 is infinite as a float", new LayerNorm1D(3, 1e39), 3);
        Refused("its ε of 1E+39 is infinite as a float", new ScaleNorm(3, 1e39), 3);

        static void Refused(string reason, Layer layer, Shape sample) =>
            Assert.Contains(reason, Assert.Throws<NotSupportedException>(() => layer.WriteOnnx(Stream.Null, sample)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WriteOnnx_WhatNoReaderTakes_IsRefused()
    {
        BatchNorm negative = new(2);
        negative.Running!.Variance[0] = -1;
        Assert.Contains("values ≥ 0 in 'running_var', got -1", Assert.Throws<ArgumentException>("network", () => negative.WriteOnnx(Stream.Null, 2)).Message, StringComparison.Ordinal);
        Sequential halves = new(new LayerNorm1D(3, name: "a\ud800b"), new LayerNorm1D(3, name: "a\udc00b"));
        Assert.Contains("valid Unicode", Assert.Throws<ArgumentException>("network", () => halves.WriteOnnx(Stream.Null, 3)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("network", () => new ReLU("\ud800").WriteOnnx(Stream.Null, 3));
        Assert.Throws<ArgumentException>("options", () => new ReLU().WriteOnnx(Stream.Null, 3, new OnnxOptions { Documentation = "\ud800" }));
        Assert.Throws<ArgumentException>("options", () => new ReLU().WriteOnnx(Stream.Null, 3, new OnnxOptions { Metadata = new Dictionary<string, string> { ["\udc00"] = "" } }));
    }

    [Fact]
    public void WriteOnnx_LayersWithIntegers_HaveThemAsConstants()
    {
        Assert.Equal([-1], Integers(new ScaleNorm(3), 3, "axes"));
        Assert.Equal([0, 3, 1, 4, 2, 5], Integers(Rearrangement.SwapAxes(2, 3), (2, 3), "sources"));
        Assert.Equal([0, 3, 2], Integers(Rearrangement.SwapAxes(2, 3), (2, 3), "output.shape"));
        Assert.Equal([0, 5, -1, 1], Integers(new LocalResponseNorm(3), (5, 7), "image.shape"));
        Assert.Equal([0, 5, 7], Integers(new LocalResponseNorm(3), (5, 7), "output.shape"));

        static IEnumerable<long> Integers(Layer layer, Shape sample, string name)
        {
            Protobuf tensor = Write(layer, sample).Message(7).Messages(5).Single(t => t.Text(8) == name);
            Assert.Equal(7, tensor.Integer(2));
            long[] values = MemoryMarshal.Cast<byte, long>(tensor.Bytes(9)).ToArray();
            Assert.Equal([values.Length], tensor.Integers(1));
            return values;
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WriteOnnx_NormalizedWeights_AreThoseInUse(bool weightNorm)
    {
        Linear linear = new(4, 2, new RandomSource(1));
        NormalizedLinear layer = weightNorm ? new WeightNorm(linear) : new WeightStandardization(linear);
        Parameter raw = layer.Parameters.First(p => p.Shape == (2, 4));
        new float[] { 1, 2, 2, 4, -3, 0, 4, 1 }.CopyTo(raw.Value, 0);
        Protobuf weight = Write(layer, 4).Message(7).Messages(5).Single(t => t.Text(8) == "weight");
        Samples.Forward(layer, Samples.Normal(4), (1, 4));
        Compare.SameBits(linear.Weight.Value, MemoryMarshal.Cast<byte, float>(weight.Bytes(9)), "weight");
        Assert.DoesNotContain(raw.Value[3], linear.Weight.Value);
    }

    private static Protobuf Write(Layer network, Shape sample) => new(Bytes(network, sample));

    private static byte[] Bytes(Layer network, Shape sample)
    {
        using MemoryStream stream = new();
        network.WriteOnnx(stream, sample);
        return stream.ToArray();
    }

    private sealed class Unknown() : Layer("unknown")
    {
        public override Shape OutputShape(Shape shape) => shape;

        protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) => x.CopyTo(y);

        protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => dy.CopyTo(dx);
    }
}
