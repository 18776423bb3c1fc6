using System.Buffers.Binary;
using System.Text;
using NormLayers.Exchange;
using NormLayers.Network;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Exchange;

public sealed class SafetensorsWriterTests
{
    [Fact]
    public void Write_SmallFile_HasTheseBytes()
    {
        using MemoryStream stream = new();
        SafetensorsWriter.Write(
            stream,
            [new NamedState("b", (1, 2), [1f, -2f]), new NamedState("ä", 1, [0.5f]), new NamedState("z", [7L]), new NamedState("a", (0, 3), Array.Empty<float>()), new NamedState("y", [1L, -1L])],
            new Dictionary<string, string> { ["n"] = "1", ["format"] = "pt" });
        const string Header = """{"__metadata__":{"format":"pt","n":"1"},"y":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"z":{"dtype":"I64","shape":[],"data_offsets":[16,24]}"""
            + ""","a":{"dtype":"F32","shape":[0,3],"data_offsets":[24,24]},"b":{"dtype":"F32","shape":[1,2],"data_offsets":[24,32]},"ä":{"dtype":"F32","shape":[1],"data_offsets":[32,36]}}""";
        byte[] padded = Encoding.UTF8.GetBytes(Header.PadRight(Header.Length + 7 - (Encoding.UTF8.GetByteCount(Header) + 7) % 8));
        Assert.Equal(
            SafetensorsBytes.File(padded, Convert.FromHexString("0100000000000000FFFFFFFFFFFFFFFF07000000000000000000803F000000C00000003F")),
            stream.ToArray());
    }

    [Fact]
    public void Write_Doubles_AreReadBackWithTheirBits()
    {
        double[] values = [Math.PI, -0.0, double.Epsilon, double.MaxValue, double.NaN, 1e300];
        using MemoryStream stream = new();
        SafetensorsWriter.Write(stream, [new NamedState("f", 1, [1f]), new NamedState("d", (2, 3), values), new NamedState("c", [5L])]);
        stream.Position = 0;
        SafetensorsReader reader = new(stream);
        Assert.Equal(["I64 'c' []", "F64 'd' [2, 3]", "F32 'f' [1]"], reader.Tensors.Select(t => t.ToString()));
        Assert.Equal(values.Select(BitConverter.DoubleToInt64Bits), reader.ReadDoubles(reader.Tensors[1]).Select(BitConverter.DoubleToInt64Bits));
        Assert.Throws<ArgumentException>(() => reader.ReadDoubles(reader.Tensors[2]));
        NamedState copy = new("d", (2, 3), new double[6]);
        copy.CopyFrom(new NamedState("d", (2, 3), values));
        Assert.Equal(values, copy.Doubles);
        Assert.Throws<ArgumentException>(() => copy.CopyFrom(new NamedState("d", (2, 3), new float[6])));
    }

    [Theory]
    [InlineData("batchnorm")]
    [InlineData("layernorm")]
    [InlineData("none")]
    public void Save_Network_AlignsEachTensor(string mode)
    {
        byte[] file = SafetensorsBytes.Of(Mlp.Create(new MlpOptions { InputFeatures = 3, Classes = 5, HiddenFeatures = [7], Normalization = NormalizationKind.Find(mode)! }));
        Assert.Equal(0, BinaryPrimitives.ReadInt64LittleEndian(file) % 8);
        Assert.All(new SafetensorsReader(new MemoryStream(file)).Tensors, t => Assert.Equal(0, t.Begin % (t.IsInteger ? 8 : 4)));
    }

    [Fact]
    public void Write_ManyValues_AreReadBack()
    {
        float[] floats = Samples.Normal(100_003);
        long[] counters = [.. Enumerable.Range(0, 20_001).Select(i => (long)i << 33)];
        using MemoryStream stream = new();
        SafetensorsWriter.Write(stream, [new NamedState("floats", floats.Length, floats), new NamedState("counters", counters)]);
        SafetensorsReader file = new(new Pipe(stream.ToArray()));
        Assert.Equal(counters, file.ReadIntegers(file.Tensors[0]));
        Compare.SameBits(floats, file.ReadFloats(file.Tensors[1]), "floats");
    }

    [Fact]
    public void Write_NamesThatAreNoKeys_AreRefused()
    {
        Assert.Contains("'a'", Error([new NamedState("a", [1L]), new NamedState("a", 1, [1f])]).Message, StringComparison.Ordinal);
        Assert.Contains("'__metadata__'", Error([new NamedState("__metadata__", [1L])]).Message, StringComparison.Ordinal);
        Assert.Contains("surrogate", Error([new NamedState("a\ud800", [1L])]).Message, StringComparison.Ordinal);
        Assert.Contains("surrogate", Error([], new() { ["\udc00"] = "" }).Message, StringComparison.Ordinal);
        Assert.Contains("surrogate", Error([], new() { ["a"] = "\ud800\ud800" }).Message, StringComparison.Ordinal);
        Assert.Contains("100000000", Error([], new() { ["a"] = new string('x', 100_000_000) }).Message, StringComparison.Ordinal);
        SafetensorsWriter.Write(Stream.Null, [new NamedState("😀", [1L])]);

        static ArgumentException Error(NamedState[] tensors, Dictionary<string, string>? metadata = null)
        {
            using MemoryStream stream = new();
            ArgumentException error = Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(stream, tensors, metadata));
            Assert.Equal(0, stream.Length);
            return error;
        }
    }
}
