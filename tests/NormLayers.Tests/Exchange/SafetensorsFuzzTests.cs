using System.Text;
using NormLayers.Exchange;
using NormLayers.Numerics;

namespace NormLayers.Tests.Exchange;

/// <summary>Mutated files: each is read, or refused with an <see cref="InvalidDataException"/>; neither allocates by a number in the file, and no more than eight times its header beside the values.</summary>
public sealed class SafetensorsFuzzTests
{
    private static readonly string[] s_tokens =
    [
        "{", "}", "[", "]", ",", ":", "\"", "0", "-1", "1e9", "4", "8", "9223372036854775807", "18446744073709551616", "null", "\"F32\"", "\"F64\"", "\"BF16\"", "\"U8\"", "\"dtype\"", "\"shape\"",
        "\"data_offsets\"", "\"__metadata__\"", "\\ud800", "\u0000", " ", "ü", "[0,8]", "[]", "{}",
    ];

    // A buffer of 64 KiB, and an exception.
    private const int Constant = 80_000;

    [Fact]
    public void Read_MutatedFile_ReadsOrRefuses() => Fuzz(seed: 1, rounds: 5_000);

    [Fact]
    [Trait("Duration", "long")]
    public void Read_ManyMutatedFiles_ReadsOrRefuses() => Fuzz(seed: 2, rounds: 100_000);

    /// <summary>Files that are nothing but the parts that take the most memory for their bytes, and files that are nearly all data. What the first call of a method allocates is not the file's.</summary>
    [Theory]
    [InlineData("metadata")]
    [InlineData("tensors")]
    [InlineData("dimensions")]
    [InlineData("F32")]
    [InlineData("U8")]
    public static void Read_LargeFile_AllocatesWhatItHolds(string kind)
    {
        const int Count = 20_000;
        string Objects(int count, string value) => "{" + string.Join(',', Enumerable.Range(0, count).Select(i => $"\"{i:x3}\":{value}")) + "}";
        string Tensor(string type, string shape, int end) => $$"""{"dtype":"{{type}}","shape":[{{shape}}],"data_offsets":[0,{{end}}]}""";
        byte[] file = kind switch
        {
            "metadata" => SafetensorsBytes.File("{\"__metadata__\":" + Objects(Count, "\"\"") + "}"),
            "tensors" => SafetensorsBytes.File(Objects(Count, Tensor("U8", "0", 0))),
            "dimensions" => SafetensorsBytes.File(Objects(Count / 20, Tensor("U8", string.Join(',', Enumerable.Repeat(0, 64)), 0))),
            "F32" => SafetensorsBytes.File(Objects(1, Tensor("F32", $"{Count}", 4 * Count)), new byte[4 * Count]),
            _ => SafetensorsBytes.File(Objects(1, Tensor("U8", $"{Count}", Count)), new byte[Count]),
        };
        foreach ((bool seeks, bool isFirst) in ((bool, bool)[])[(true, true), (false, true), (true, false), (false, false)])
        {
            using Stream stream = seeks ? new MemoryStream(file) : new Pipe(file);
            long header = 8 + BitConverter.ToInt64(file);
            long before = GC.GetAllocatedBytesForCurrentThread();
            SafetensorsReader reader = new(stream);
            long opened = GC.GetAllocatedBytesForCurrentThread() - before;
            before = GC.GetAllocatedBytesForCurrentThread();
            long values = reader.Tensors.Sum(t => t.IsFloat ? 4L * reader.ReadFloats(t).Length : 8L * reader.ReadIntegers(t).Length);
            long read = GC.GetAllocatedBytesForCurrentThread() - before;
            if (isFirst)
            {
                continue;
            }

            TestContext.Current.TestOutputHelper?.WriteLine($"opened: {opened} bytes for {header}, read: {read} bytes for {values}");
            Assert.InRange(opened, header, (seeks ? 8 : 9) * header + Constant);
            Assert.InRange(read, values, values + (seeks ? 0 : file.Length - header) + 100 * reader.Tensors.Count + Constant);
        }
    }

    private static void Fuzz(ulong seed, int rounds)
    {
        Read_LargeFile_AllocatesWhatItHolds("F32");
        byte[][] valid = [SafetensorsBytes.Of(new BatchNorm1D(3)), SafetensorsBytes.Python("types.safetensors"), SafetensorsBytes.Python("pytorch.safetensors")];
        RandomSource random = new(seed);
        int[] read = new int[valid.Length];
        int[] refused = new int[valid.Length];
        for (int round = 0; round < rounds; round++)
        {
            int kind = round % valid.Length;
            byte[] file = Mutate(valid[kind], random);
            using Stream stream = round % 2 == 0 ? new MemoryStream(file) : new Pipe(file);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                SafetensorsReader reader = new(stream);
                foreach (SafetensorsTensor tensor in reader.Tensors)
                {
                    long values = tensor.IsFloat ? reader.ReadFloats(tensor).Length : tensor.IsInteger ? reader.ReadIntegers(tensor).Length : tensor.Count;
                    Assert.Equal(tensor.Count, values);
                }

                reader.CheckEnd();
                read[kind]++;
            }
            catch (InvalidDataException e)
            {
                Assert.StartsWith("expected ", e.Message, StringComparison.Ordinal);
                refused[kind]++;
            }
            catch (Exception e) when (e is not Xunit.Sdk.IAssertionException)
            {
                throw new InvalidOperationException($"Round {round} of seed {seed}: {Convert.ToHexString(file)}", e);
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 9 * file.Length + Constant);
        }

        string counts = $"{string.Join(", ", read)} read, {string.Join(", ", refused)} refused";
        TestContext.Current.TestOutputHelper?.WriteLine(counts);
        Assert.True(read.Min() > rounds / 300 && refused.Min() > rounds / 4, $"{counts}: the mutations reach one outcome only");
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
