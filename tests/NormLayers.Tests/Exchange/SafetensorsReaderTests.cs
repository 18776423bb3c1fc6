using System.Text;
using NormLayers.Exchange;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Exchange;

public sealed class SafetensorsReaderTests
{
    private const string A = """ "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]} """;

    public static TheoryData<string, int, string> Hostile => new()
    {
        { "", 0, "begins with '{'" },
        { "[]", 0, "begins with '{'" },
        { " {}", 0, "begins with '{'" },
        { "{", 0, "expected the JSON of a safetensors header" },
        { "{}}", 0, "expected the JSON of a safetensors header" },
        { "{} x", 0, "expected the JSON of a safetensors header" },
        { "{}\0\0", 0, "expected the JSON of a safetensors header" },
        { "{/* */}", 0, "expected the JSON of a safetensors header" },
        { $"{{{A},}}", 8, "expected the JSON of a safetensors header" },
        { """{"a\ud800":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""", 4, "expected the JSON of a safetensors header" },
        { """{"a":[[[[[[[[[[""" + new string('[', 10_000), 0, "expected the JSON of a safetensors header" },
        { """{"a":{"shape":[[[[[[""", 0, "expected the JSON of a safetensors header" },
        { """{"a":{"shape":[{"b":1}]}}""", 0, "expected the JSON of a safetensors header" },
        { """{"a":1}""", 0, "expected an object as the 'a'" },
        { """{"a":null}""", 0, "expected an object as the 'a'" },
        { "{}", 1, "expected 0 bytes behind the header, as it says, got 1" },
        { $"{{{A}}}", 7, "expected 8 bytes behind the header, as it says, got 7" },
        { $"{{{A}}}", 9, "expected 8 bytes behind the header, as it says, got 9" },
        { $"{{{A},{A}}}", 8, "got 'a' twice" },
        { "{" + A + ""","\u0061":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}""", 8, "got 'a' twice" },
        { """{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "expected different names in 'a', got 'dtype' twice" },
        { """{"__metadata__":{"k":"1","k":"2"}}""", 0, "expected different names in __metadata__, got 'k' twice" },
        { """{"__metadata__":{},"__metadata__":{}}""", 0, "got '__metadata__' twice" },
        { """{"__metadata__":{"k":1}}""", 0, "expected a string as the 'k' in __metadata__" },
        { """{"__metadata__":{"k":{}}}""", 0, "expected a string" },
        { """{"__metadata__":"k"}""", 0, "expected an object as the '__metadata__'" },
        { """{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "got no dtype" },
        { """{"a":{"dtype":"F32","data_offsets":[0,8]}}""", 8, "got no shape" },
        { """{"a":{"dtype":"F32","shape":[2]}}""", 8, "got no data_offsets" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"strides":[1]}}""", 8, "got 'strides'" },
        { """{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}""", 0, "expected whole numbers from 0 to 2⁶³ − 1 as the shape of 'a'" },
        { """{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,0]}}""", 0, "expected whole numbers from 0 to 2⁶³ − 1 as the shape of 'a'" },
        { """{"a":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}}""", 8, "as the dtype of 'a', got 'f32'" },
        { """{"a":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}""", 8, "expected a string as the dtype of 'a'" },
        { """{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", 8, "expected an array as the shape of 'a'" },
        { """{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", 8, "expected whole numbers" },
        { """{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", 8, "expected whole numbers" },
        { """{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "expected whole numbers" },
        { """{"a":{"dtype":"F32","shape":[-2,-1],"data_offsets":[0,8]}}""", 8, "expected whole numbers" },
        { """{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}""", 8, "expected whole numbers" },
        { """{"a":{"dtype":"F32","shape":[4611686018427387904,2],"data_offsets":[0,0]}}""", 0, "expected as many bytes of 'a' as F32 of shape [4611686018427387904, 2] has, got 0" },
        { """{"a":{"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,16]}}""", 16, "expected as many bytes of 'a'" },
        { """{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}""", 8, "expected 4000000000000 bytes behind the header, as it says, got 8" },
        { """{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "expected as many bytes of 'a' as F32 of shape [3] has, got 8" },
        { """{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}""", 8, "expected as many bytes of 'a' as F64 of shape [2] has, got 8" },
        { """{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}""", 1, "expected as many bytes of 'a' as F4 of shape [3] has, got 1" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "a begin and an end behind it" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "a begin and an end behind it" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", 8, "a begin and an end behind it" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "got bytes 0 to 4 between the header and 'a'" },
        { "{" + A + ""","b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}""", 16, "got bytes 8 to 12 between 'a' and 'b'" },
        { "{" + A + ""","b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "got 'a' and 'b', which overlap" },
        { "{" + A + ""","b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "which overlap" },
        { "{" + A + ""","b":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}""", 8, "which overlap" },
        { $$$"""{"a":{"dtype":"F32","shape":[{{{new StringBuilder().Insert(0, "1,", 100)}}}1],"data_offsets":[0,4]}}""", 4, "expected at most 64 numbers" },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Reader_HostileHeader_SaysWhatIsWrong(string header, int dataLength, string message)
    {
        byte[] file = SafetensorsBytes.File(header, new byte[dataLength]);
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => new SafetensorsReader(new MemoryStream(file))).Message, StringComparison.Ordinal);
        Assert.InRange(Allocations.Of(() => Record.Exception(() => new SafetensorsReader(new MemoryStream(file)))), 1, 4 * file.Length + 100_000);
    }

    [Theory]
    [InlineData("", "8 bytes of its header's length")]
    [InlineData("02000000000000", "8 bytes of its header's length")]
    [InlineData("0200000000000000", "expected a safetensors header of 2 bytes, as the file says, got 0")]
    [InlineData("03000000000000007B7D", "expected a safetensors header of 3 bytes, as the file says, got 2")]
    [InlineData("00E1F505000000007B7D", "expected a safetensors header of 100000000 bytes, as the file says, got 2")]
    [InlineData("01E1F505000000007B7D", "at most 100000000 bytes, got one of 100000001")]
    [InlineData("FFFFFFFFFFFFFFFF7B7D", "at most 100000000 bytes, got one of 18446744073709551615")]
    [InlineData("FFFFFFFFFFFFFF7F7B7D", "at most 100000000 bytes")]
    [InlineData("0200000000000000FFFE", "begins with '{'")]
    [InlineData("03000000000000007B807D", "in UTF-8")]
    [InlineData("0700000000000000227B7D00000000", "begins with '{'")]
    [InlineData("1F8B0800000000000003", "expected a safetensors header of 559903 bytes, as the file says, got 2")]
    public void Reader_HostileBytes_SaysWhatIsWrong(string hex, string message)
    {
        byte[] file = Convert.FromHexString(hex);
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => new SafetensorsReader(new MemoryStream(file))).Message, StringComparison.Ordinal);
        Assert.InRange(Allocations.Of(() => Record.Exception(() => new SafetensorsReader(new MemoryStream(file)))), 1, 100_000);
        InvalidDataException fromPipe = Assert.Throws<InvalidDataException>(() => new SafetensorsReader(new Pipe(file)));
        Assert.Contains(message.StartsWith("expected a safetensors header of", StringComparison.Ordinal) ? "cut short" : message, fromPipe.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_IntoMemoryThatIsThere_GivesTheSame(bool pipe)
    {
        byte[] bytes = SafetensorsBytes.Python("types.safetensors");
        SafetensorsReader arrays = new(new MemoryStream(bytes));
        using MemoryStream stream = pipe ? new Pipe(bytes) : new MemoryStream(bytes);
        SafetensorsReader file = new(stream);
        Assert.NotEmpty(file.Tensors);
        foreach ((SafetensorsTensor tensor, SafetensorsTensor same) in file.Tensors.Zip(arrays.Tensors))
        {
            float[] floats = new float[tensor.Count];
            double[] doubles = new double[tensor.Count];
            long[] integers = new long[tensor.Count];
            if (tensor.DataType == "F64")
            {
                file.ReadDoubles(tensor, doubles);
                Assert.Equal(arrays.ReadDoubles(same), doubles);
            }
            else if (tensor.IsFloat)
            {
                file.ReadFloats(tensor, floats);
                Assert.Equal(arrays.ReadFloats(same).Select(BitConverter.SingleToInt32Bits), floats.Select(BitConverter.SingleToInt32Bits));
            }
            else
            {
                file.ReadIntegers(tensor, integers);
                Assert.Equal(arrays.ReadIntegers(same), integers);
            }
        }

        SafetensorsTensor integer = arrays.Tensors.First(t => t.IsInteger);
        Assert.Contains("got 99", Assert.Throws<ArgumentException>(() => arrays.ReadIntegers(integer, new long[99])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => arrays.ReadFloats(integer, new float[1]));
        Assert.Throws<ArgumentException>(() => arrays.ReadDoubles(file.Tensors[0], new double[1]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Reader_PythonsFile_ReadsEveryType(bool pipe)
    {
        byte[] bytes = SafetensorsBytes.Python("types.safetensors");
        using MemoryStream stream = pipe ? new Pipe(bytes) : new MemoryStream(bytes);
        SafetensorsReader file = new(stream);
        Assert.Equal("write_files.py", file.Metadata["origin"]);
        Assert.Equal("a \"b\" \\ ü", file.Metadata["quote"]);
        Dictionary<string, float[]> floats = [];
        Dictionary<string, long[]> integers = [];
        foreach (SafetensorsTensor tensor in file.Tensors)
        {
            Assert.NotEqual(tensor.IsFloat, tensor.IsInteger);
            if (tensor.IsFloat)
            {
                floats.Add(tensor.Name, file.ReadFloats(tensor));
            }
            else
            {
                integers.Add(tensor.Name, file.ReadIntegers(tensor));
            }
        }

        Compare.SameBits([1.5f, -0f, 1e-40f, float.MaxValue, 0.1f, -7.25f], floats["f32"], "f32");
        Compare.SameBits([0.1f, -1e-3f], floats["f64"], "f64");
        Compare.SameBits([1, -5, MathF.ScaleB(1, -24)], floats["f16"], "f16");
        Compare.SameBits([1, -5, float.PositiveInfinity], floats["bf16"], "bf16");
        Assert.Empty(floats["größe"]);
        Assert.Equal([-12345678901], integers["i64"]);
        Assert.Equal([-3, int.MaxValue], integers["i32"]);
        Assert.Equal([-4], integers["i16"]);
        Assert.Equal([-128, 127], integers["i8"]);
        Assert.Equal([long.MaxValue], integers["u64"]);
        Assert.Equal([uint.MaxValue], integers["u32"]);
        Assert.Equal([ushort.MaxValue], integers["u16"]);
        Assert.Equal([0, 1, 255], integers["u8"]);
        Assert.Equal("F32 'f32' [2, 3]", file.Tensors[0].ToString());
        Assert.Empty(file.Tensors.Single(t => t.Name == "i64").Shape);
    }

    // From a pipe, whose length is not known, a header may promise anything.
    [Theory]
    [InlineData("F32", 4)]
    [InlineData("BF16", 2)]
    public void ReadFloats_TensorBeyondAnArray_IsRefusedBeforeItIsRead(string type, long size)
    {
        SafetensorsReader reader = new(new Pipe(SafetensorsBytes.File(
            $$$"""{"a":{"dtype":"{{{type}}}","shape":[65536,65536],"data_offsets":[0,{{{size << 32}}}]}}""")));

        InvalidDataException e = Assert.Throws<InvalidDataException>(() => reader.ReadFloats(reader.Tensors[0]));

        Assert.Contains("expected tensors of at most 2147483591 elements", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadFloats_NaNPayload_KeepsItsBits()
    {
        byte[] file = SafetensorsBytes.File("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 1, 0, 0xA0, 0x7F, 2, 0, 0xC0, 0xFF);
        SafetensorsReader reader = new(new MemoryStream(file));
        Assert.Equal([0x7FA00001, 0xFFC00002], reader.ReadFloats(reader.Tensors[0]).Select(BitConverter.SingleToUInt32Bits));
    }

    [Theory]
    [InlineData("F64", "9C7500883CE437FE", "in the range of floats")]
    [InlineData("U64", "0000000000000080", "integers up to")]
    public void Read_NumberThatIsTooLarge_IsRefused(string type, string hex, string message)
    {
        byte[] file = SafetensorsBytes.File($$$"""{"a":{"dtype":"{{{type}}}","shape":[1],"data_offsets":[0,8]}}""", Convert.FromHexString(hex));
        SafetensorsReader reader = new(new MemoryStream(file));
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => (object)(type == "F64" ? reader.ReadFloats(reader.Tensors[0]) : reader.ReadIntegers(reader.Tensors[0]))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OtherTypeOrFile_IsRefused()
    {
        byte[] bytes = SafetensorsBytes.File("""{"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[1,2]}}""", 1, 2);
        SafetensorsReader file = new(new MemoryStream(bytes));
        Assert.All(file.Tensors, t => Assert.False(t.IsFloat || t.IsInteger));
        Assert.Contains("got BOOL 'a' [1]", Assert.Throws<ArgumentException>(() => file.ReadIntegers(file.Tensors[0])).Message, StringComparison.Ordinal);
        Assert.Contains("got F8_E4M3 'b' [1]", Assert.Throws<ArgumentException>(() => file.ReadFloats(file.Tensors[1])).Message, StringComparison.Ordinal);
        SafetensorsReader other = new(new MemoryStream(bytes));
        Assert.Contains("of another", Assert.Throws<ArgumentException>(() => other.ReadFloats(file.Tensors[1])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new SafetensorsReader(new FileStream(Path.GetTempFileName(), FileMode.Open, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose)));
    }

    [Fact]
    public void ReadFloats_PipeOutOfOrder_IsRefused()
    {
        SafetensorsReader file = new(new Pipe(SafetensorsBytes.Python("pytorch.safetensors")));
        _ = file.ReadFloats(file.Tensors[2]);
        Assert.Contains("in the order of Tensors", Assert.Throws<InvalidOperationException>(() => file.ReadFloats(file.Tensors[1])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadFloats_FileThatShrinks_IsRefused()
    {
        byte[] bytes = SafetensorsBytes.Python("pytorch.safetensors");
        SafetensorsReader file = new(new Shrinking(bytes, bytes.Length - 3));
        Assert.Contains("cut short", Assert.Throws<InvalidDataException>(() => file.ReadFloats(file.Tensors[^1])).Message, StringComparison.Ordinal);
        Assert.Contains("cut short", Assert.Throws<InvalidDataException>(() => new SafetensorsReader(new Shrinking(bytes, 100))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadFloats_PipeThatAnnouncesTerabytes_AllocatesWhatCame()
    {
        byte[] bytes = SafetensorsBytes.File("""{"a":{"dtype":"F32","shape":[2000000000],"data_offsets":[0,8000000000]}}""", new byte[300_000]);
        SafetensorsReader? file = null;
        long allocated = Allocations.Of(() =>
        {
            file = new SafetensorsReader(new Pipe(bytes));
            Assert.Throws<InvalidDataException>(() => file.ReadFloats(file.Tensors[0]));
        });
        Assert.InRange(allocated, 1, 4 * bytes.Length);
    }

    [Fact]
    public void Reader_StreamInTheMiddle_ReadsFromThere()
    {
        byte[] bytes = SafetensorsBytes.Python("pytorch.safetensors");
        using MemoryStream stream = new([1, 2, 3, .. bytes]) { Position = 3 };
        SafetensorsReader file = new(stream);
        Compare.SameBits([0, 1], file.ReadFloats(file.Tensors.Single(t => t.Name == "linear2.bias")), "bias");
    }

    [Fact]
    public void Reader_NameWithControlCharacters_IsShownWithoutThem()
    {
        byte[] file = SafetensorsBytes.File($$$"""{"\u001b[2J{{{new string('x', 1000)}}}":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", new byte[4]);
        string message = Assert.Throws<InvalidDataException>(() => new SafetensorsReader(new MemoryStream(file))).Message;
        Assert.DoesNotContain(message, char.IsControl);
        Assert.InRange(message.Length, 50, 300);
    }
}
