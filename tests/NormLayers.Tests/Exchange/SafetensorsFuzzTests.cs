using System.Text;
using System.Text.Json;
using NormLayers.Exchange;
using NormLayers.Numerics;

namespace NormLayers.Tests.Exchange;

/// <summary>Mutated files: each is read as .NET's own JSON reader reads it, or refused with an <see cref="InvalidDataException"/>; either allocates the file's size and a constant, and the values that are read.</summary>
[Trait("Width", "any")]
public sealed class SafetensorsFuzzTests
{
    private static readonly string[] s_tokens =
    [
        "{", "}", "[", "]", ",", ":", "\"", "0", "-1", "1e9", "4", "8", "9223372036854775807", "18446744073709551616", "null", "\"F32\"", "\"F64\"", "\"BF16\"", "\"U8\"", "\"dtype\"", "\"shape\"",
        "\"data_offsets\"", "\"__metadata__\"", "\\ud800", "\u0000", " ", "ü", "[0,8]", "[]", "{}",
    ];

    // A fixed number of objects, and the exceptions of a file that is refused: 10,400 bytes in the mutations below.
    private const int Constant = 20_000;

    // Rounds in which the runtime reads its own texts.
    private const int Warmup = 300;

    // The buffer through which a stream that cannot seek, and values, are read.
    private const int Buffer = 1 << 16;

    [Fact]
    public void Read_MutatedFile_ReadsOrRefuses() => Fuzz(seed: 1, rounds: 5_000);

    [Fact]
    [Trait("Duration", "long")]
    public void Read_ManyMutatedFiles_ReadsOrRefuses() => Fuzz(seed: 2, rounds: 100_000);

    /// <summary>Files that are nothing but the parts with the least bytes for an entry, and files that are nearly all data. What the first call of a method allocates is not the file's.</summary>
    [Theory]
    [InlineData("texts")]
    [InlineData("escaped texts")]
    [InlineData("long text")]
    [InlineData("tensors")]
    [InlineData("escaped names")]
    [InlineData("long name")]
    [InlineData("dimensions")]
    [InlineData("long dimensions")]
    [InlineData("texts between tensors")]
    [InlineData("F32")]
    [InlineData("U8")]
    public static void Read_LargeFile_AllocatesItsSize(string kind)
    {
        const int Count = 20_000;
        static string Tensor(string type = "F4", string shape = "", int end = 0) => $$"""{"dtype":"{{type}}","shape":[{{shape}}],"data_offsets":[0,{{end}}]}""";
        static string Entries(int count, string value, Func<int, string>? name = null) => string.Join(',', Enumerable.Range(0, count).Select(i => $"\"{(name ?? Short)(i)}\":{value}"));
        static string Escaped(int i) => string.Concat(Short(i).Select(c => $"\\u{(int)c:x4}"));
        string header = kind switch
        {
            "texts" => "\"__metadata__\":{" + Entries(Count, "\"\"") + "}",
            "escaped texts" => "\"__metadata__\":{" + Entries(Count, "\"\\n\"", Escaped) + "}",
            "long text" => "\"__metadata__\":{" + Entries(1, "\"" + new string('x', Count) + "\\ud83d\\ude00\"") + "}",
            "tensors" => Entries(Count, Tensor(shape: "0")),
            "escaped names" => Entries(Count, Tensor(shape: "0"), Escaped),
            "long name" => Entries(1, Tensor(shape: "0"), _ => new string('ü', Count)),
            "dimensions" => Entries(Count / 20, Tensor(shape: string.Join(',', Enumerable.Repeat(0, 64)))),
            "long dimensions" => Entries(Count / 20, Tensor(shape: "0," + string.Join(',', Enumerable.Repeat(long.MaxValue, 63)))),
            "texts between tensors" => Entries(Count, Tensor(shape: "0")) + ",\"__metadata__\":{" + Entries(Count, "\"\"") + "}," + Entries(Count, Tensor(shape: "0"), i => "+" + Short(i)),
            "F32" => Entries(1, Tensor("F32", $"{Count}", 4 * Count)),
            _ => Entries(1, Tensor("U8", $"{Count}", Count)),
        };
        byte[] file = SafetensorsBytes.File("{" + header + "}", new byte[kind == "F32" ? 4 * Count : kind == "U8" ? Count : 0]);
        foreach ((bool seeks, bool isFirst) in ((bool, bool)[])[(true, true), (false, true), (true, false), (false, false)])
        {
            using Stream stream = seeks ? new MemoryStream(file) : new Pipe(file);
            int length = 8 + BitConverter.ToInt32(file);
            long before = GC.GetAllocatedBytesForCurrentThread();
            SafetensorsReader reader = new(stream);
            long opened = GC.GetAllocatedBytesForCurrentThread() - before;
            List<SafetensorsTensor> tensors = [.. reader.Tensors];
            if (kind is "F32" or "U8" && !isFirst)
            {
                long[] there = new long[kind == "U8" ? Count : 0];
                float[] floats = new float[Count - there.Length];
                before = GC.GetAllocatedBytesForCurrentThread();
                if (kind == "U8")
                {
                    reader.ReadIntegers(tensors[0], there);
                }
                else
                {
                    reader.ReadFloats(tensors[0], floats);
                }

                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Buffer + 200);
                continue;
            }

            before = GC.GetAllocatedBytesForCurrentThread();
            long values = tensors.Sum(t => t.IsFloat ? 4L * reader.ReadFloats(t).Length : t.IsInteger ? 8L * reader.ReadIntegers(t).Length : 0);
            long read = GC.GetAllocatedBytesForCurrentThread() - before;
            if (isFirst)
            {
                CheckContent(file, reader);
                continue;
            }

            TestContext.Current.TestOutputHelper?.WriteLine($"opened: {opened} bytes for {length}, read: {read} bytes for {values}");
            Assert.InRange(opened, length - 8, (seeks || length <= Buffer ? length : 2 * length + Buffer) + Constant);
            Assert.InRange(read, values, values + (seeks ? 0 : file.Length - length) + Buffer + Constant);
        }
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{\"a\":")]
    [InlineData("\"")]
    [InlineData("\"a\":{\"dtype\":\"F4\",\"shape\":[],\"data_offsets\":[0,0]},")]
    [InlineData("\"a\":{\"shape\":[1,")]
    [InlineData("\"__metadata__\":{\"a\":\"")]
    public static void Read_LargeFileThatIsBroken_AllocatesItsSize(string part)
    {
        byte[] file = SafetensorsBytes.File("{" + string.Concat(Enumerable.Repeat(part, 1_000_000 / part.Length)));
        foreach ((bool seeks, bool isFirst) in ((bool, bool)[])[(true, true), (false, true), (true, false), (false, false)])
        {
            using Stream stream = seeks ? new MemoryStream(file) : new Pipe(file);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Throws<InvalidDataException>(() => new SafetensorsReader(stream));
            long opened = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.InRange(opened, file.Length - 8, (isFirst ? 10 : 1) * (seeks ? file.Length : 2 * file.Length + Buffer) + Constant);
        }
    }

    /// <summary>What is wrong is said without a copy of a long name or text.</summary>
    [Theory]
    [InlineData("""{"N":{"dtype":"F3","shape":[],"data_offsets":[0,0]}}""", "got 'F3'")]
    [InlineData("""{"a":{"dtype":"N","shape":[],"data_offsets":[0,0]}}""", "got 'ü")]
    [InlineData("""{"a":{"N":"F4","shape":[],"data_offsets":[0,0]}}""", "got 'ü")]
    [InlineData("""{"N":{"dtype":"F4","shape":[0],"data_offsets":[0,0]},"N":{"dtype":"F4","shape":[0],"data_offsets":[0,0]}}""", "got 'ü")]
    [InlineData("""{"N":{"dtype":"F4","shape":[0],"data_offsets":[8,8]}}""", "and 'ü")]
    [InlineData("""{"__metadata__":{"N":1}}""", "as the 'ü")]
    public static void Read_LongNameOfWhatIsDamaged_IsNotCopied(string header, string message)
    {
        byte[] file = SafetensorsBytes.File(header.Replace("N", new string('ü', 50_000) + "\\n", StringComparison.Ordinal));
        foreach (int constant in (int[])[10 * Constant, Constant])
        {
            using MemoryStream stream = new(file);
            long before = GC.GetAllocatedBytesForCurrentThread();
            InvalidDataException e = Assert.Throws<InvalidDataException>(() => new SafetensorsReader(stream));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, file.Length + constant);
            Assert.Contains(message, e.Message, StringComparison.Ordinal);
            Assert.InRange(e.Message.Length, 100, 500);
        }
    }

    // Three characters, different for each number below 32,768.
    private static string Short(int i) => new([(char)('@' + i % 27), (char)('`' + i / 27 % 27), (char)('`' + i / 729)]);

    private static void Fuzz(ulong seed, int rounds)
    {
        Read_LargeFile_AllocatesItsSize("F32");
        byte[][] valid = [SafetensorsBytes.Of(new BatchNorm1D(3)), SafetensorsBytes.Python("types.safetensors"), SafetensorsBytes.Python("pytorch.safetensors")];
        RandomSource random = new(seed);
        int[] read = new int[valid.Length];
        int[] refused = new int[valid.Length];
        long most = 0;
        for (int round = -Warmup; round < rounds; round++)
        {
            int kind = (round + Warmup) % valid.Length;
            bool seeks = int.IsEvenInteger(round);
            int constant = (round < 0 ? 10 * Constant : Constant) + (seeks ? 0 : Buffer);
            byte[] file = Mutate(valid[kind], random);
            using Stream stream = seeks ? new MemoryStream(file) : new Pipe(file);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                SafetensorsReader reader = new(stream);
                long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                Assert.InRange(allocated, 1, file.Length + constant);
                most = round < 0 || !seeks ? most : Math.Max(most, allocated - file.Length);
                CheckContent(file, reader);
                constant += seeks ? Buffer : 0;
                before = GC.GetAllocatedBytesForCurrentThread();
                foreach (SafetensorsTensor tensor in reader.Tensors)
                {
                    before = GC.GetAllocatedBytesForCurrentThread();
                    long bytes = tensor.IsFloat ? 4L * reader.ReadFloats(tensor).Length : tensor.IsInteger ? 8L * reader.ReadIntegers(tensor).Length : 0;
                    Assert.Equal((tensor.IsFloat ? 4 : tensor.IsInteger ? 8 : 0) * tensor.Count, bytes);
                    Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, bytes, bytes + file.Length + constant);
                }

                reader.CheckEnd();
                read[kind]++;
            }
            catch (InvalidDataException e)
            {
                long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                Assert.InRange(allocated, 1, file.Length + constant);
                most = round < 0 || !seeks ? most : Math.Max(most, allocated - file.Length);
                Assert.StartsWith("expected ", e.Message, StringComparison.Ordinal);
                refused[kind]++;
            }
            catch (Exception e) when (e is not Xunit.Sdk.IAssertionException)
            {
                throw new InvalidOperationException($"Round {round} of seed {seed}: {Convert.ToHexString(file)}", e);
            }
        }

        string counts = $"{string.Join(", ", read)} read, {string.Join(", ", refused)} refused, at most {most} bytes beside the file's";
        TestContext.Current.TestOutputHelper?.WriteLine(counts);
        Assert.True(read.Min() > rounds / 300 && refused.Min() > rounds / 4, $"{counts}: the mutations reach one outcome only");
    }

    private static void CheckContent(byte[] file, SafetensorsReader reader)
    {
        using JsonDocument header = JsonDocument.Parse(file.AsMemory(8, BitConverter.ToInt32(file)));
        List<JsonProperty> expected = [.. header.RootElement.EnumerateObject().Where(p => p.Name != "__metadata__")];
        Dictionary<string, SafetensorsTensor> tensors = reader.Tensors.ToDictionary(t => t.Name);
        Assert.Equal((expected.Count, expected.Count), (tensors.Count, reader.Tensors.Count));
        foreach (JsonProperty tensor in expected)
        {
            SafetensorsTensor read = tensors[tensor.Name];
            Assert.Equal(tensor.Value.GetProperty("dtype").GetString(), read.DataType);
            Assert.Equal(tensor.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()), read.Shape);
            Assert.Equal(tensor.Value.GetProperty("data_offsets").EnumerateArray().Select(d => d.GetInt64()), [read.Begin, read.End]);
        }

        IEnumerable<JsonProperty> texts = header.RootElement.TryGetProperty("__metadata__", out JsonElement metadata) ? metadata.EnumerateObject() : [];
        Assert.Equal(texts.ToDictionary(t => t.Name, t => t.Value.GetString()!), reader.Metadata);
        Assert.True(reader.Tensors.Zip(reader.Tensors.Skip(1), (a, b) => a.End == b.Begin).All(follows => follows), "not in the order of their bytes");
    }

    private static byte[] Mutate(byte[] valid, RandomSource random)
    {
        List<byte> bytes = [.. valid];
        int header = Math.Min(valid.Length, 8 + BitConverter.ToInt32(valid));
        for (int edits = 1 + random.NextInt(3); edits > 0 && bytes.Count > 0; edits--)
        {
            int at = random.NextInt(Math.Min(bytes.Count, header));
            int length = bytes.Count;
            switch (random.NextInt(7))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.NextInt(8));
                    break;
                case 1:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(s_tokens[random.NextInt(s_tokens.Length)]));
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(1 + random.NextInt(8), bytes.Count - at));
                    break;
                case 3:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 4:
                    int end = at + random.NextInt(Math.Min(bytes.Count - at, 80));
                    bytes.InsertRange(at, bytes[at..end]);
                    break;
                case 5:
                    bytes[at] = (byte)('0' + random.NextInt(10));
                    break;
                default:
                    bytes[random.NextInt(bytes.Count)] = (byte)random.NextInt(256);
                    break;
            }

            // Mostly with the header's true length, so that the mutation reaches what is behind that check.
            if (at >= 8 && bytes.Count >= 8 && bytes.Count != length && random.NextInt(4) > 0)
            {
                header = Math.Clamp(header + bytes.Count - length, 8, bytes.Count);
                BitConverter.GetBytes((long)header - 8).CopyTo(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes));
            }
        }

        return [.. bytes];
    }
}
