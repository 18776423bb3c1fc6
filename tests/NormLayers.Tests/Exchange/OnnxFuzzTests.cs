using System.Diagnostics;
using NormLayers.Exchange;
using NormLayers.Numerics;

namespace NormLayers.Tests.Exchange;

/// <summary>Mutated ONNX files: each is read, or refused with an <see cref="InvalidDataException"/>; either allocates the file's size and a constant.</summary>
[Trait("Width", "any")]
public sealed class OnnxFuzzTests
{
    private static readonly byte[][] s_tokens =
    [
        [0], [0xFF], [0x80, 1], [0xFF, 0xFF, 0xFF, 0xFF, 7], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1], [8, 0xFF, 0xFF, 0xFF, 0xFF, 15], [0x4A, 0], [0x2A, 0], [0x3A, 0], [0x0A, 0], "Sqrt"u8.ToArray(), "Div"u8.ToArray(),
    ];

    // The index of a file of many names: four bytes for each, which has at least three there, and no more than its limit.
    private const double Index = 4 / 3.0;
    private const int MostIndex = sizeof(int) * OnnxIndex.MostEntries;

    // A fixed number of objects, and the exceptions of a file that is refused.
    private const int Constant = 20_000;

    // The buffer through which a stream that cannot seek is read.
    private const int Buffer = 1 << 16;

    // Rounds in which the runtime reads its own texts.
    private const int Warmup = 300;

    [Fact]
    public void Read_MutatedFile_ReadsOrRefuses() => Fuzz(seed: 1, rounds: 5_000);

    [Fact]
    [Trait("Duration", "long")]
    public void Read_ManyMutatedFiles_ReadsOrRefuses() => Fuzz(seed: 2, rounds: 100_000);

    /// <summary>Files that are nothing but the parts that take the most memory for their bytes, and files that are nearly all data. What the first call of a method allocates is not the file's.</summary>
    [Theory]
    [InlineData("operators")]
    [InlineData("outputs")]
    [InlineData("inputs")]
    [InlineData("letters")]
    [InlineData("long names")]
    [InlineData("nested graphs")]
    [InlineData("attributes")]
    [InlineData("initializers")]
    [InlineData("constants")]
    [InlineData("integers")]
    [InlineData("normalizations")]
    [InlineData("roots")]
    [InlineData("quotients")]
    [InlineData("quotients of many axes")]
    [InlineData("quotients of a long damaged constant")]
    [InlineData("floats")]
    [InlineData("packed integers")]
    [InlineData("long domain")]
    [InlineData("one value in many nodes")]
    [InlineData("long producer")]
    [InlineData("long producers")]
    [InlineData("roots of one inverse")]
    [InlineData("long axes")]
    [InlineData("long casts")]
    [InlineData("damaged constants")]
    [InlineData("doubles beyond floats")]
    public static void Read_LargeFile_AllocatesWhatItHolds(string kind)
    {
        const int Count = 20_000;
        ProtobufMessage graph = new();
        ProtobufMessage many = new();
        ProtobufMessage model = new();
        for (int i = 0; i < Count; i++)
        {
            string name = $"{i:x3}";
            switch (kind)
            {
                case "operators":
                    graph.Add(1, new ProtobufMessage().Add(4, "A"));
                    break;
                case "outputs":
                    graph.Add(1, new ProtobufMessage().Add(4, "A").Add(2, name));
                    break;
                case "inputs":
                    many.Add(1, name);
                    break;
                case "letters":
                    many.Add(1, "a");
                    break;
                case "long names" when i < 20:
                    graph.Add(1, new ProtobufMessage().Add(4, "A").Add(3, new string('n', Count)).Add(2, new string('o', Count) + name));
                    break;
                case "nested graphs" when i < 500:
                    many = new ProtobufMessage().Add(4, "If").Add(5, new ProtobufMessage().Add(1, "then_branch").Add(6, new ProtobufMessage().Add(1, many)));
                    break;
                case "attributes":
                    many.Add(5, new ProtobufMessage().Add(1, name));
                    break;
                case "initializers":
                    graph.Add(5, new ProtobufMessage().Add(8, name));
                    break;
                case "constants":
                    graph.Add(1, new ProtobufMessage().Add(4, "Constant").Add(2, name).Add(5, new ProtobufMessage().Add(1, i % 2 == 0 ? "value_float" : "value_int")));
                    break;
                case "integers":
                    many.Add(8, 1);
                    break;
                case "normalizations":
                    graph.Add(1, new ProtobufMessage().Add(4, i % 2 == 0 ? "LpNormalization" : "BatchNormalization"));
                    break;
                case "roots":
                    graph.Add(1, new ProtobufMessage().Add(4, "Sqrt").Add(1, "a"));
                    break;
                case "quotients of many axes":
                    many.Add(8, 1);
                    goto case "quotients";
                case "quotients of a long damaged constant":
                    graph.Add(1, new ProtobufMessage().Add(4, "Div").Add(1, "one").Add(1, "s"));
                    break;
                case "one value in many nodes":
                    graph.Add(1, new ProtobufMessage().Add(4, "Mul").Add(1, "s").Add(1, "s"));
                    break;
                case "roots of one inverse":
                    graph.Add(1, new ProtobufMessage().Add(4, "Sqrt").Add(1, "a").Add(2, name)).Add(1, new ProtobufMessage().Add(4, "Mul").Add(1, "z").Add(1, "r"));
                    many.Add(1, name);
                    break;
                case "long producer":
                    graph.Add(1, new ProtobufMessage().Add(4, "Div").Add(1, "x").Add(1, "f"));
                    break;
                case "long producers":
                    graph.Add(1, new ProtobufMessage().Add(4, i % 2 == 0 ? "Div" : "Mul").Add(1, "g").Add(1, "f"));
                    break;
                case "long axes" when i < 1_000:
                    graph.Add(1, Long(new ProtobufMessage().Add(4, "ReduceL2").Add(1, "x").Add(2, name)))
                        .Add(1, new ProtobufMessage().Add(4, "Div").Add(1, "x").Add(1, name));
                    break;
                case "long casts" when i < 1_000:
                    graph.Add(1, Long(new ProtobufMessage().Add(4, "Cast").Add(1, "x").Add(2, name).Add(5, new ProtobufMessage().Add(1, "to").Add(3, 1))))
                        .Add(1, new ProtobufMessage().Add(4, "Div").Add(1, "x").Add(1, name));
                    break;
                case "damaged constants":
                    graph.Add(5, OnnxBytes.Tensor(name, 1, 1))
                        .Add(1, new ProtobufMessage().Add(4, "Div").Add(1, "x").Add(1, "l").Add(2, "y" + name))
                        .Add(1, new ProtobufMessage().Add(4, "Mul").Add(1, "y" + name).Add(1, name));
                    break;
                case "doubles beyond floats":
                    graph.Add(5, OnnxBytes.Tensor(name, 11, 1).Add(10, 1e300))
                        .Add(1, new ProtobufMessage().Add(4, "Div").Add(1, name).Add(1, "l").Add(2, "y" + name))
                        .Add(1, new ProtobufMessage().Add(4, "Mul").Add(1, "x").Add(1, "y" + name));
                    break;
                case "quotients":
                    graph.Add(1, new ProtobufMessage().Add(4, "Div").Add(1, "x").Add(1, i % 2 == 0 ? "l" : "s"));
                    break;
            }
        }

        if (kind is "inputs" or "letters" or "attributes" or "nested graphs")
        {
            graph.Add(1, many.Add(4, "A"));
        }

        if (kind == "integers")
        {
            graph.Add(1, new ProtobufMessage().Add(4, "Constant").Add(2, "y").Add(5, many.Add(1, "value_ints")));
        }

        if (kind == "floats")
        {
            graph.Add(5, OnnxBytes.Tensor("w", 1, Count).Add(9, new byte[4 * Count]));
        }

        if (kind == "packed integers")
        {
            graph.Add(5, OnnxBytes.Tensor("w", 7, Count).Add(7, new byte[Count]));
        }

        if (kind == "quotients of a long damaged constant")
        {
            graph.Add(5, OnnxBytes.Tensor("one", 7, 1).Add(7, new byte[Count]));
        }

        if (kind == "long domain")
        {
            model.Add(8, new ProtobufMessage().Add(1, new string('d', 10 * Count)));
        }

        if (kind.StartsWith("long producer", StringComparison.Ordinal))
        {
            graph.Add(1, Long(new ProtobufMessage().Add(4, "Max").Add(2, "f"))).Add(1, Long(new ProtobufMessage().Add(4, "Expand").Add(2, "g")));
        }

        if (kind == "roots of one inverse")
        {
            graph.Add(1, many.Add(4, "Reciprocal").Add(2, "r"));
        }

        if (kind is "roots" or "roots of one inverse" or "one value in many nodes" or "damaged constants" or "doubles beyond floats" || kind.StartsWith("quotients", StringComparison.Ordinal))
        {
            graph.Add(5, OnnxBytes.Tensor("e", 1).Add(9, OnnxBytes.Raw(1)))
                .Add(1, new ProtobufMessage().Add(4, "Mul").Add(1, "x").Add(1, "x").Add(2, "p"))
                .Add(1, new ProtobufMessage().Add(4, "ReduceMean").Add(1, "p").Add(2, "m").Add(5, new ProtobufMessage().Add(1, "axes").Add(8, -1)))
                .Add(1, new ProtobufMessage().Add(4, "Add").Add(1, "m").Add(1, "e").Add(2, "a"))
                .Add(1, new ProtobufMessage().Add(4, "Sqrt").Add(1, "a").Add(2, "s"))
                .Add(1, new ProtobufMessage().Add(4, "ReduceL2").Add(1, "x").Add(2, "l").Add(5, kind == "quotients of many axes" ? many.Add(1, "axes") : new ProtobufMessage().Add(1, "axes").Add(8, -1)));
        }

        CheckAllocations(model.Add(7, graph).Bytes.ToArray(), isData: kind is "floats" or "packed integers" or "long domain", isDamaged: kind.Contains("damaged", StringComparison.Ordinal) || kind.StartsWith("doubles", StringComparison.Ordinal));

        static ProtobufMessage Long(ProtobufMessage node)
        {
            for (int i = 0; i < 330; i++)
            {
                node.Add(1, "i");
            }

            return node;
        }
    }

    /// <summary>A file with as many names as the index takes, and one of more.</summary>
    [Fact]
    public static void Read_MostNames_AreReadAndMoreRefused()
    {
        // The node, its output, and that it is a constant.
        byte[] most = Inputs(OnnxIndex.MostEntries - 1);
        CheckAllocations(most, isData: false, isDamaged: false);
        Assert.Equal(OnnxIndex.MostEntries - 1, Assert.Single(OnnxModel.Read(new MemoryStream(most)).Nodes).Inputs.Count);

        byte[] more = Inputs(OnnxIndex.MostEntries);
        using MemoryStream stream = new(more);
        long before = GC.GetAllocatedBytesForCurrentThread();
        InvalidDataException e = Assert.Throws<InvalidDataException>(() => OnnxModel.Read(stream));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, more.Length, more.Length + Constant);
        Assert.Contains("at most 1048576 nodes", e.Message, StringComparison.Ordinal);

        static byte[] Inputs(int count)
        {
            ProtobufMessage node = new ProtobufMessage().Add(4, "A");
            for (int i = 0; i < count; i++)
            {
                node.Add(1, "a");
            }

            return new ProtobufMessage().Add(7, new ProtobufMessage().Add(1, node)).Bytes.ToArray();
        }
    }

    /// <summary>What is wrong is said without a copy of a long name.</summary>
    [Theory]
    [InlineData("tensors", "got 'ü")]
    [InlineData("outputs", "got 'ü")]
    [InlineData("dimensions", "got FLOAT 'ü")]
    [InlineData("attribute", "an attribute 'ü")]
    public static void Read_LongNameOfWhatIsDamaged_IsNotCopied(string kind, string message)
    {
        string name = new('ü', 100_000);
        ProtobufMessage graph = kind switch
        {
            "tensors" => new ProtobufMessage().Add(5, OnnxBytes.Tensor(name, 1)).Add(5, OnnxBytes.Tensor(name, 1)),
            "outputs" => new ProtobufMessage().Add(1, new ProtobufMessage().Add(4, "A").Add(2, name)).Add(1, new ProtobufMessage().Add(4, "A").Add(2, name)),
            "dimensions" => new ProtobufMessage().Add(5, OnnxBytes.Tensor(name, 1, -1)),
            _ => new ProtobufMessage().Add(1, new ProtobufMessage().Add(4, "Constant").Add(5, new ProtobufMessage().Add(1, name).Add(0, 0))),
        };
        byte[] file = new ProtobufMessage().Add(7, graph).Bytes.ToArray();
        foreach (int constant in (int[])[10 * Constant, Constant])
        {
            using MemoryStream stream = new(file);
            long before = GC.GetAllocatedBytesForCurrentThread();
            InvalidDataException e = Assert.Throws<InvalidDataException>(() => OnnxModel.Read(stream));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, file.Length + constant);
            Assert.Contains(message, e.Message, StringComparison.Ordinal);
            Assert.InRange(e.Message.Length, 100, 300);
        }
    }

    // What the first call of a method allocates is not the file's: where that is too much, the second call counts.
    private static void CheckAllocations(byte[] file, bool isData, bool isDamaged)
    {
        foreach (bool seeks in (bool[])[true, false])
        {
            try
            {
                CheckAllocations(file, seeks, isData, isDamaged);
            }
            catch (Xunit.Sdk.InRangeException)
            {
                CheckAllocations(file, seeks, isData, isDamaged);
            }
        }
    }

    private static void CheckAllocations(byte[] file, bool seeks, bool isData, bool isDamaged)
    {
        double index = isData ? 0 : Math.Min(Index * file.Length, MostIndex);
        using Stream stream = seeks ? new MemoryStream(file) : new Pipe(file);
        long started = Stopwatch.GetTimestamp();
        long before = GC.GetAllocatedBytesForCurrentThread();
        OnnxModel model = OnnxModel.Read(stream);
        long opened = GC.GetAllocatedBytesForCurrentThread() - before;
        TimeSpan opening = Stopwatch.GetElapsedTime(started);
        started = Stopwatch.GetTimestamp();
        before = GC.GetAllocatedBytesForCurrentThread();
        int normalizations = model.Normalizations.Count;
        long found = GC.GetAllocatedBytesForCurrentThread() - before;
        TimeSpan finding = Stopwatch.GetElapsedTime(started);
        List<OnnxTensor> tensors = [.. model.Initializers.Values];
        float[] floats = new float[tensors.Max(t => (int?)t.Count) ?? 0];
        long[] integers = new long[floats.Length];
        before = GC.GetAllocatedBytesForCurrentThread();
        long values = 0;
        foreach (OnnxTensor tensor in isDamaged ? [] : tensors)
        {
            if (tensor.IsFloat)
            {
                tensor.ReadFloats(floats.AsSpan(0, tensor.Count));
                values += sizeof(float) * tensor.ReadFloats().Length;
            }
            else if (tensor.IsInteger)
            {
                tensor.ReadIntegers(integers.AsSpan(0, tensor.Count));
                values += sizeof(long) * tensor.ReadIntegers().Length;
            }
        }

        long read = GC.GetAllocatedBytesForCurrentThread() - before;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{file.Length} bytes: {opened} to open in {opening.TotalMilliseconds:0} ms, {found} to find {normalizations} normalizations in {finding.TotalMilliseconds:0} ms, {read - values} to read {values} of values");
        Assert.InRange(opened, file.Length, (seeks ? 1 : 2) * file.Length + index + Constant + (seeks ? 0 : Buffer));
        Assert.InRange(found, 0, file.Length + Constant);
        Assert.InRange(read, values, values + 100 * tensors.Count + 200);

        // Quadratic time would be minutes.
        Assert.InRange(opening + finding, TimeSpan.Zero, TimeSpan.FromSeconds(30));
    }

    private static void Fuzz(ulong seed, int rounds)
    {
        Read_LargeFile_AllocatesWhatItHolds("floats");
        byte[][] valid = [Norms(), Sequence(), Lengths()];
        RandomSource random = new(seed);
        int[] read = new int[valid.Length];
        int[] refused = new int[valid.Length];
        int[] layers = new int[valid.Length];
        long most = 0;
        for (int round = -Warmup; round < rounds; round++)
        {
            int kind = (round + Warmup) % valid.Length;
            byte[] file = Mutate(valid[kind], random);
            bool seeks = (round + Warmup) % 4 < 2;
            using MemoryStream stream = seeks ? new MemoryStream(file) : new Pipe(file);
            int limit = (seeks ? 1 : 2) * file.Length + (round < 0 ? 10 : 1) * Constant + (seeks ? 0 : Buffer);
            bool isOpen = false;
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                OnnxModel model = OnnxModel.Read(stream);
                isOpen = true;
                long opened = GC.GetAllocatedBytesForCurrentThread() - before;
                Assert.InRange(opened, 1, limit);
                before = GC.GetAllocatedBytesForCurrentThread();
                Assert.True(Reads(() => Assert.InRange(model.Normalizations.Count, 0, file.Length)) || round >= -Warmup);
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, file.Length + (round < 0 ? 10 : 1) * Constant);
                foreach (OnnxTensor tensor in model.Initializers.Values.Where(t => t.IsFloat || t.IsInteger))
                {
                    Reads(() => Assert.Equal(tensor.Count, tensor.IsFloat ? tensor.ReadFloats().Length : tensor.ReadIntegers().Length));
                }

                layers[kind] += model.Normalizations.Count(n => Reads(() => n.CreateLayer(n.Operator == "LpNormalization" ? new Shape(2, 3) : default)));
                read[kind]++;
            }
            catch (InvalidDataException e)
            {
                long refusing = GC.GetAllocatedBytesForCurrentThread() - before;
                Assert.True(isOpen || refusing <= limit, $"round {round}: {refusing} bytes for a file of {file.Length} that is refused");
                most = isOpen || !seeks || round < 0 ? most : Math.Max(most, refusing - file.Length);
                Assert.StartsWith("expected ", e.Message, StringComparison.Ordinal);
                refused[kind]++;
            }
            catch (Exception e) when (e is not Xunit.Sdk.IAssertionException)
            {
                throw new InvalidOperationException($"Round {round} of seed {seed}: {Convert.ToHexString(file)}", e);
            }

            // Values that are read, layers, and the exceptions of those that are refused: at most one for each node.
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 50 * file.Length + 10 * Constant);
        }

        string counts = $"{string.Join(", ", read)} read, {string.Join(", ", refused)} refused, {string.Join(", ", layers)} layers, at most {most} bytes beside the file's to refuse one";
        TestContext.Current.TestOutputHelper?.WriteLine(counts);
        Assert.True(Math.Min(read.Min(), refused.Min()) > rounds / (10 * valid.Length) && layers.Min() > rounds / (50 * valid.Length), $"{counts}: the mutations reach one outcome only");
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

    private static byte[] Lengths() => new OnnxBytes(13)
        .Floats("g", [1], 3)
        .Floats("eps", [], 1e-12f)
        .Node("n = ReduceL2(x)", ("axes", (long[])[-1]))
        .Node("c = Clip(n, eps)")
        .Node("s = Shape(x)")
        .Node("e = Expand(c, s)")
        .Node("y = Div(x, e)")
        .Node("z = Mul(y, g)")
        .Node("m = ReduceSumSquare(z)", ("axes", (long[])[-1]))
        .Node("r = Sqrt(m)")
        .Node("a = Add(r, eps)")
        .Node("i = Reciprocal(a)")
        .Node("u = Mul(z, i)")
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
