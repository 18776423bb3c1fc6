using NormLayers.Exchange;
using NormLayers.Numerics;

namespace NormLayers.Tests.Exchange;

/// <summary>Mutated ONNX files: each is read, or refused with an <see cref="InvalidDataException"/>; neither allocates by a number in the file.</summary>
public sealed class OnnxFuzzTests
{
    private static readonly byte[][] s_tokens =
    [
        [0], [0xFF], [0x80, 1], [0xFF, 0xFF, 0xFF, 0xFF, 7], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1], [8, 0xFF, 0xFF, 0xFF, 0xFF, 15], [0x4A, 0], [0x2A, 0], [0x3A, 0], [0x0A, 0], "Sqrt"u8.ToArray(), "Div"u8.ToArray(),
    ];

    [Fact]
    public void Read_MutatedFile_ReadsOrRefuses() => Fuzz(seed: 1, rounds: 5_000);

    [Fact]
    [Trait("Duration", "long")]
    public void Read_ManyMutatedFiles_ReadsOrRefuses() => Fuzz(seed: 2, rounds: 100_000);

    private static void Fuzz(ulong seed, int rounds)
    {
        byte[][] valid = [Norms(), Sequence()];
        RandomSource random = new(seed);
        int[] read = new int[valid.Length];
        int[] refused = new int[valid.Length];
        int[] layers = new int[valid.Length];
        for (int round = 0; round < rounds; round++)
        {
            int kind = round % valid.Length;
            byte[] file = Mutate(valid[kind], random);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using MemoryStream stream = round % 4 < 2 ? new MemoryStream(file) : new Pipe(file);
                OnnxModel model = OnnxModel.Read(stream);
                foreach (OnnxTensor tensor in model.Initializers.Values.Where(t => t.IsFloat || t.IsInteger))
                {
                    Reads(() => Assert.Equal(tensor.Count, tensor.IsFloat ? tensor.ReadFloats().Length : tensor.ReadIntegers().Length));
                }

                layers[kind] += model.Normalizations.Count(n => Reads(() => n.CreateLayer()));
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

            // Nodes, names and layers take a multiple of their bytes, an exception some KiB. The files have less than 1 KiB.
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 50 * file.Length + 200_000);
        }

        string counts = $"{string.Join(" and ", read)} read, {string.Join(" and ", refused)} refused, {string.Join(" and ", layers)} layers";
        TestContext.Current.TestOutputHelper?.WriteLine(counts);
        Assert.True(Math.Min(read.Min(), refused.Min()) > rounds / 20 && layers.Min() > rounds / 100, $"{counts}: the mutations reach one outcome only");
    }

    private static bool Reads(Action read)
    {
        try
        {
            read();
            return true;
        }
        catch (ArgumentException e)
        {
            Assert.Contains("input", e.ParamName, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is InvalidDataException or NotSupportedException)
        {
            Assert.NotEmpty(e.Message);
        }

        return false;
    }

    private static byte[] Norms() => new OnnxBytes(21)
        .Floats("w", [4], 1, 2, 3, 4)
        .Add(OnnxBytes.Tensor("h", 10, 4).Add(5, 0x3C00).Add(5, 0x4000).Add(5, 0x3800).Add(5, 0x3C00))
        .Add(OnnxBytes.Tensor("i", 7, 2).Add(7, 1).Add(7, -1))
        .Node("a = LayerNormalization(x, w, h)", ("axis", -1), ("epsilon", 1e-6f))
        .Node("b = BatchNormalization(a, w, w, h, h)", ("momentum", 0.5f))
        .Node("c = GroupNormalization(b, w, h)", ("num_groups", 2))
        .Node("d = com.microsoft:SkipLayerNormalization(c, a, w)")
        .Node("e = InstanceNormalization(d, w, w)")
        .ToArray();

    private static byte[] Sequence() => new OnnxBytes(13)
        .Floats("w", [2, 2], 1, 2, 3, 4)
        .Floats("eps", [], 1e-12f)
        .Node("two = Constant()", ("value", OnnxBytes.Tensor("", 1).Add(4, 2f)))
        .Node("m = ReduceMean(x)", ("axes", (long[])[-2, -1]))
        .Node("d = Sub(x, m)")
        .Node("p = Pow(d, two)")
        .Node("v = ReduceMean(p)", ("axes", (long[])[-2, -1]))
        .Node("a = Add(v, eps)")
        .Node("s = Sqrt(a)")
        .Node("y = Div(d, s)")
        .Node("z = Mul(y, w)")
        .Node("u = Add(z, w)")
        .ToArray();

    private static byte[] Mutate(byte[] valid, RandomSource random)
    {
        List<byte> bytes = [.. valid];
        for (int edits = 1 + random.NextInt(3); edits > 0 && bytes.Count > 0; edits--)
        {
            int at = random.NextInt(bytes.Count);
            switch (random.NextInt(12))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.NextInt(8));
                    break;
                case 1:
                    // In place, so that the lengths around it stay right.
                    byte[] token = s_tokens[random.NextInt(s_tokens.Length)];
                    bytes.RemoveRange(at, Math.Min(token.Length, bytes.Count - at));
                    bytes.InsertRange(at, token);
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(1 + random.NextInt(8), bytes.Count - at));
                    break;
                case 3:
                    int end = at + random.NextInt(Math.Min(bytes.Count - at, 80));
                    bytes.InsertRange(at, bytes[at..end]);
                    break;
                default:
                    bytes[at] = (byte)random.NextInt(256);
                    break;
            }
        }

        return [.. bytes];
    }
}
