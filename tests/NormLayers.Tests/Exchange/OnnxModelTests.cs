using System.Buffers.Binary;
using NormLayers.Exchange;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Exchange;

/// <summary>Tensors and damage of ONNX files; the normalizations are in <see cref="OnnxNormalizationTests"/>.</summary>
public sealed class OnnxModelTests
{
    public static TheoryData<string, string> Hostile => new()
    {
        { "", "with a graph, got none" },
        { "0801", "with a graph, got none" },
        { "08", "cut short" },
        { "3A", "cut short" },
        { "3A05", "field 7 of 5 bytes where 0 are left" },
        { "3AFFFFFFFFFFFFFFFFFF01", "field 7 of 18446744073709551615 bytes" },
        { "08FFFFFFFFFFFFFFFFFFFF01", "an integer of more than 64 bits" },
        { "0001", "field 0" },
        { "0B", "wire type 3 in field 1" },
        { "0F", "wire type 7 in field 1" },
        { "3801", "expected a message in field 7 of an ONNX model, got wire type 0" },
        { "3A003A00", "got two" },
        { "42023A00", "expected an ONNX model with a graph" },
        { "3A020A00", "expected an operator in every node" },
        { "3A060A042202FFFF", "text that is not UTF-8" },
        { "3A062A040A0208FF", "cut short" },
        { "3A0F0A0D" + "2208436F6E7374616E74" + "2A0108", "expected an attribute as protobuf, got a message that is cut short" },
        { "3A160A14" + "2208436F6E7374616E74" + "2A080A0576616C756508", "expected an attribute 'value' as protobuf, got a message that is cut short" },
        { "3A170A15" + "2208436F6E7374616E74" + "2A090A0576616C75652801", "expected a message in field 5 of an attribute 'value', got wire type 0" },
        { "3A0F2A0D" + "08FFFFFFFFFFFFFFFFFF01" + "1001", "expected dimensions of 0 and more" },
        { "3A0C2A0A" + "08FFFFFFFF07" + "1001" + "4A00", "expected 2147483647 elements of 4 bytes" },
        { "3A0D2A0B" + "08FFFFFFFF0F" + "1001" + "4A0100", "at most 2147483647 elements" },
        { "3A0E2A0C" + "08808010088080101001" + "4A00", "at most 2147483647 elements" },
        { "3A0A2A0342016E2A0342016E", "got 'n' twice" },
        { "3A452A430A41" + string.Concat(Enumerable.Repeat("01", 65)), "expected at most 64 dimensions in UNDEFINED '' [], got 65" },
        { "3A10" + "0A0612016E220152" + "0A0612016E220152", "got 'n' out of two" },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Read_DamagedFile_SaysWhatIsWrong(string file, string message)
    {
        byte[] bytes = Convert.FromHexString(file);
        long before = GC.GetAllocatedBytesForCurrentThread();
        InvalidDataException e = Assert.Throws<InvalidDataException>(() => OnnxModel.Read(new MemoryStream(bytes)));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 100_000);
        Assert.StartsWith("expected ", e.Message, StringComparison.Ordinal);
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TruthValues_AreZeroAndOne()
    {
        ProtobufMessage raw = new ProtobufMessage().Add(1, 3).Add(2, 9).Add(8, "raw").Add(9, [0, 1, 200]);
        ProtobufMessage typed = new ProtobufMessage().Add(1, 3).Add(2, 9).Add(8, "typed").Add(5, 0).Add(5, 2).Add(5, 1);
        OnnxModel model = new OnnxBytes().Add(raw).Add(typed).Read();
        Assert.Equal([0, 1, 1], model.Initializers["raw"].ReadIntegers());
        Assert.Equal([0, 1, 1], model.Initializers["typed"].ReadIntegers());
    }

    [Fact]
    public void Read_EveryPrefixOfAFile_IsRefusedUnlessTheGraphIsWhole()
    {
        byte[] file = new OnnxBytes().Floats("w", [2], 1, 2).Floats("b", [2], 3, 4).Node("y = LayerNormalization(x, w, b)").ToArray();
        byte[] opset = [0x42, 4, 0x0A, 0, 0x10, 17];
        Assert.Equal(opset, file[^opset.Length..]);
        for (int length = 0; length < file.Length; length++)
        {
            MemoryStream prefix = new(file, 0, length);
            if (length == file.Length - opset.Length)
            {
                OnnxModel model = OnnxModel.Read(prefix);
                Assert.Equal((1, 2), (model.Opset, model.Initializers.Count));
                Assert.Single(model.Normalizations);
            }
            else
            {
                Assert.Throws<InvalidDataException>(() => OnnxModel.Read(prefix));
            }
        }
    }

    [Fact]
    public void Read_StreamThatCannotSeekAndFromAPosition_ReadsTheRest()
    {
        byte[] file = new OnnxBytes().Floats("w", [2], 1, 2).ToArray();
        MemoryStream behind = new([1, 2, 3, .. file]) { Position = 3 };
        Assert.Equal([1, 2], OnnxModel.Read(behind).Initializers["w"].ReadFloats());
        using Pipe pipe = new(file);
        Assert.Equal([1, 2], OnnxModel.Read(pipe).Initializers["w"].ReadFloats());
        MemoryStream closed = new();
        closed.Dispose();
        Assert.Throws<ArgumentException>(() => OnnxModel.Read(closed));
        Assert.Throws<ArgumentNullException>(() => OnnxModel.Read(null!));
    }

    [Fact]
    public void Read_FileThatShrinks_IsRefused()
    {
        byte[] file = new OnnxBytes().Floats("w", [2], 1, 2).ToArray();
        Assert.Contains("got field 7 of", Assert.Throws<InvalidDataException>(() => OnnxModel.Read(new Shrinking(file, file.Length - 10))).Message, StringComparison.Ordinal);
        Assert.Contains("with a graph, got none", Assert.Throws<InvalidDataException>(() => OnnxModel.Read(new Shrinking(file, 0))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nodes_OfAFile_HaveNamesAndValues()
    {
        OnnxNode node = Assert.Single(new OnnxBytes().Node("y z = com.example:Custom(a, , b)").Read().Nodes);
        Assert.Equal(("", "Custom", "com.example"), (node.Name, node.Operator, node.Domain));
        Assert.Equal(["a", "", "b"], node.Inputs);
        Assert.Equal(["y", "z"], node.Outputs);
        Assert.Equal(("b", "a", "", "b"), (node.Inputs[2], node.Inputs[0], node.Inputs[1], node.Inputs[^1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => node.Inputs[3]);
        Assert.Throws<ArgumentOutOfRangeException>(() => node.Inputs[-1]);
    }

    [Fact]
    public void Read_IntoMemoryThatIsThere_NeedsAsMuch()
    {
        OnnxModel model = new OnnxBytes().Floats("f", [2], 1, 2).Integers("i", 3, 4).Read();
        float[] floats = new float[2];
        model.Initializers["f"].ReadFloats(floats);
        Assert.Equal([1, 2], floats);
        long[] integers = new long[2];
        model.Initializers["i"].ReadIntegers(integers);
        Assert.Equal([3, 4], integers);
        Assert.Contains("2 elements, got 3", Assert.Throws<ArgumentException>(() => model.Initializers["f"].ReadFloats(new float[3])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => model.Initializers["i"].ReadIntegers(new long[1]));
        Assert.Throws<InvalidDataException>(() => model.Initializers["i"].ReadFloats(floats));
    }

    [Fact]
    public void ReadFloats_EveryTypeInEachField_GivesTheValues()
    {
        float[] values = [1.5f, -2, 0.25f];
        Compare.SameBits(values, Read(OnnxBytes.Tensor("t", 1, 3).Add(9, OnnxBytes.Raw(values))).ReadFloats(), "raw FLOAT");
        Compare.SameBits(values, Read(OnnxBytes.Tensor("t", 1, 1, 3).Add(4, OnnxBytes.Raw(values))).ReadFloats(), "packed FLOAT");
        Compare.SameBits(values, Read(OnnxBytes.Tensor("t", 1, 3).Add(4, 1.5f).Add(4, -2f).Add(4, 0.25f)).ReadFloats(), "FLOAT, one by one");
        byte[] doubles = [.. values.SelectMany(v => BitConverter.GetBytes((double)v))];
        Compare.SameBits(values, Read(OnnxBytes.Tensor("t", 11, 3).Add(9, doubles)).ReadFloats(), "raw DOUBLE");
        Compare.SameBits(values, Read(OnnxBytes.Tensor("t", 11, 3).Add(10, doubles)).ReadFloats(), "packed DOUBLE");
        byte[] halves = [.. values.SelectMany(v => BitConverter.GetBytes((Half)v))];
        Compare.SameBits(values, Read(OnnxBytes.Tensor("t", 10, 3).Add(9, halves)).ReadFloats(), "raw FLOAT16");
        Compare.SameBits(values, Read(Integers(OnnxBytes.Tensor("t", 10, 3), 5, values, v => BitConverter.HalfToUInt16Bits((Half)v))).ReadFloats(), "FLOAT16 as integers");
        byte[] brains = [.. values.SelectMany(v => BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits(v) >> 16)))];
        Compare.SameBits(values, Read(OnnxBytes.Tensor("t", 16, 3).Add(9, brains)).ReadFloats(), "raw BFLOAT16");
        Compare.SameBits(values, Read(Integers(OnnxBytes.Tensor("t", 16, 3), 5, values, v => BitConverter.SingleToUInt32Bits(v) >> 16)).ReadFloats(), "BFLOAT16 as integers");
        Assert.Empty(Read(OnnxBytes.Tensor("t", 1, 0)).ReadFloats());

        static ProtobufMessage Integers(ProtobufMessage tensor, int field, float[] values, Func<float, long> bits) => values.Aggregate(tensor, (t, v) => t.Add(field, bits(v)));
    }

    [Theory]
    [InlineData(7, 7, 8)]
    [InlineData(6, 5, 4)]
    [InlineData(5, 5, 2)]
    [InlineData(3, 5, 1)]
    [InlineData(13, 11, 8)]
    [InlineData(12, 11, 4)]
    [InlineData(4, 5, 2)]
    [InlineData(2, 5, 1)]
    [InlineData(9, 5, 1)]
    public void ReadIntegers_EveryTypeInEachField_GivesTheValues(int type, int field, int size)
    {
        bool isSigned = type is 3 or 5 or 6 or 7;
        long[] values = type == 9 ? [0, 1, 1] : [isSigned ? -3 : 3, 0, 100];
        byte[] raw = [.. values.SelectMany(v => BitConverter.GetBytes(v)[..size])];
        Assert.Equal(values, Read(OnnxBytes.Tensor("t", type, 3).Add(9, raw)).ReadIntegers());
        Assert.Equal(values, Read(values.Aggregate(OnnxBytes.Tensor("t", type, 3), (t, v) => t.Add(field, v))).ReadIntegers());
        Assert.Throws<InvalidDataException>(() => Read(OnnxBytes.Tensor("t", type, 3).Add(9, raw)).ReadFloats());
    }

    [Fact]
    public void ReadValues_WhatATensorDoesNotHave_IsRefused()
    {
        Refused("expected 2 values in FLOAT 't' [2], got 1", OnnxBytes.Tensor("t", 1, 2).Add(4, 1f));
        Refused("expected 2 values in FLOAT 't' [2], got 0", OnnxBytes.Tensor("t", 1, 2));
        Refused("expected numbers of 4 bytes in field 4", OnnxBytes.Tensor("t", 1, 2).Add(4, [1, 2, 3, 4, 5]));
        Refused("expected numbers of 4 bytes in field 4", OnnxBytes.Tensor("t", 1, 1).Add(4, 7));
        Refused("expected 2 elements of 4 bytes in FLOAT 't' [2], got 5 bytes", OnnxBytes.Tensor("t", 1, 2).Add(9, [1, 2, 3, 4, 5]));
        Refused("got STRING 't' [2]", OnnxBytes.Tensor("t", 8, 2));
        Refused("got type 23 't' [2]", OnnxBytes.Tensor("t", 23, 2).Add(9, [1]));
        Refused("external data", OnnxBytes.Tensor("t", 1, 2).Add(14, 1).Add(13, new ProtobufMessage().Add(1, "location").Add(2, "weights.bin")));
        Refused("expected numbers in the range of floats in DOUBLE 't' [1], got 1E+300", OnnxBytes.Tensor("t", 11, 1).Add(9, BitConverter.GetBytes(1e300)));
        byte[] large = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(large, ulong.MaxValue);
        Assert.Contains("got 18446744073709551615", Assert.Throws<InvalidDataException>(() => Read(OnnxBytes.Tensor("t", 13, 1).Add(9, large)).ReadIntegers()).Message, StringComparison.Ordinal);
        Assert.Contains("integers", Assert.Throws<InvalidDataException>(() => Read(OnnxBytes.Tensor("t", 1, 1).Add(4, 1f)).ReadIntegers()).Message, StringComparison.Ordinal);

        static void Refused(string message, ProtobufMessage tensor) =>
            Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Read(tensor).ReadFloats()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Initializers_ConstantNodes_AreAmongThem()
    {
        OnnxModel model = new OnnxBytes()
            .Node("a = Constant()", ("value", OnnxBytes.Tensor("ignored", 1, 2).Add(4, 1f).Add(4, 2f)))
            .Node("b = Constant()", ("value_float", 0.5f))
            .Node("c = Constant()", ("value_int", 7))
            .Node("d = Constant()", ("value_ints", (long[])[3, -1]))
            .Node("e = other:Constant()", ("value_int", 7))
            .Read();
        Assert.Equal(["a", "b", "c", "d"], model.Initializers.Keys);
        Assert.Equal([1, 2], model.Initializers["a"].ReadFloats());
        Assert.Equal([0.5f], model.Initializers["b"].ReadFloats());
        Assert.Equal([7], model.Initializers["c"].ReadIntegers());
        Assert.Empty(model.Initializers["c"].Shape);
        Assert.Equal([3, -1], model.Initializers["d"].ReadIntegers());
        Assert.Equal([2], model.Initializers["d"].Shape);
    }

    private static OnnxTensor Read(ProtobufMessage tensor) => new OnnxBytes().Add(tensor).Read().Initializers["t"];
}
