using System.Text;
using NormLayers.Exchange;
using NormLayers.Numerics;

namespace NormLayers.Tests.Exchange;

/// <summary>Mutated files: each is read, or refused with an <see cref="InvalidDataException"/>; neither allocates by a number in the file.</summary>
public sealed class SafetensorsFuzzTests
{
    private static readonly string[] s_tokens =
    [
        "{", "}", "[", "]", ",", ":", "\"", "0", "-1", "1e9", "4", "8", "9223372036854775807", "18446744073709551616", "null", "\"F32\"", "\"F64\"", "\"BF16\"", "\"U8\"", "\"dtype\"", "\"shape\"",
        "\"data_offsets\"", "\"__metadata__\"", "\\ud800", "\u0000", " ", "ü", "[0,8]", "[]", "{}",
    ];

    [Fact]
    public void Read_MutatedFile_ReadsOrRefuses() => Fuzz(seed: 1, rounds: 5_000);

    [Fact]
    [Trait("Duration", "long")]
    public void Read_ManyMutatedFiles_ReadsOrRefuses() => Fuzz(seed: 2, rounds: 100_000);

    private static void Fuzz(ulong seed, int rounds)
    {
        byte[][] valid = [SafetensorsBytes.Of(new BatchNorm1D(3)), SafetensorsBytes.Python("types.safetensors"), SafetensorsBytes.Python("pytorch.safetensors")];
        RandomSource random = new(seed);
        int[] read = new int[valid.Length];
        int[] refused = new int[valid.Length];
        for (int round = 0; round < rounds; round++)
        {
            int kind = round % valid.Length;
            byte[] file = Mutate(valid[kind], random);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                SafetensorsReader reader = new(round % 2 == 0 ? new MemoryStream(file) : new Pipe(file));
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

            // A tensor takes a buffer of its own size, at most 64 KiB, and an exception some KiB. The files have about 1 KiB.
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 20 * file.Length + 200_000);
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
