using System.Text;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Numerics;

namespace NormLayers.Lab.Tests.Training;

/// <summary>Mutated models and checkpoints: each is read, or refused with an <see cref="InvalidDataException"/>; none allocates by a number in the file.</summary>
public sealed class ModelFuzzTests
{
    private static readonly string[] s_tokens =
    [
        "{", "}", "[", "]", ",", ":", "\\\"", "0", "-1", "1e9", "999999999", "9223372036854775807", "null", "true", "1E999", "\\\"NaN\\\"", "\\\"hidden\\\":[9,9]", "\\\\ud800", " ", "ü", "\"F32\"", "\"F64\"", "\"I64\"", "[0,8]", "[]",
    ];

    // Its position is text, and then objects: 5.5 times a file that is nearly all position. Rounds in which the runtime reads its own texts.
    private const int Warmup = 300;

    [Fact]
    public void Read_MutatedFile_ReadsOrRefuses() => Fuzz(seed: 1, rounds: 3_000);

    [Fact]
    [Trait("Duration", "long")]
    public void Read_ManyMutatedFiles_ReadsOrRefuses() => Fuzz(seed: 2, rounds: 100_000);

    private static void Fuzz(ulong seed, int rounds)
    {
        DataSplit data = SyntheticClassification.Generate(new SyntheticOptions { TrainCount = 40, TestCount = 10, Features = 3, Classes = 2 }).Standardize();
        TrialOptions options = new() { HiddenFeatures = [4], Epochs = 2, BatchSize = 10, Optimizer = OptimizerKind.Adam };
        byte[] checkpoint = [];
        PreparedTrial trial = new(options, data);
        trial.Run(new Watcher(), 3, checkpoints: new Checkpoints { Interval = 6, Save = write => checkpoint = ToBytes(write) });
        byte[] model = ToBytes(stream => trial.ToClassifier().Save(stream));
        RandomSource random = new(seed);
        int[] read = new int[2]; // Models, checkpoints.
        int[] refused = new int[2];
        long most = 0;
        for (int round = -Warmup; round < rounds; round++)
        {
            int kind = (round + Warmup) % 2;
            bool isModel = kind == 0;
            byte[] file = Mutate(isModel ? model : checkpoint, random);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                if (isModel)
                {
                    Classifier.Load(new MemoryStream(file));
                }
                else
                {
                    TrainingState state = TrainingState.Read(new MemoryStream(file));
                    most = round < 0 ? 0 : Math.Max(most, GC.GetAllocatedBytesForCurrentThread() - before - file.Length);
                    Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 7 * file.Length + (round < 0 ? 10 : 1) * 20_000);
                    new PreparedTrial(options, data).Run(checkpoints: new Checkpoints { Resume = state });
                }

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

            // A file of some KiB, the network of that size, and for a checkpoint the rest of the training.
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 40 * file.Length + 1_000_000);
        }

        string counts = $"{string.Join(" and ", read)} read, {string.Join(" and ", refused)} refused, at most {most} bytes beside those of a checkpoint to read it, of {checkpoint.Length} in the original";
        TestContext.Current.TestOutputHelper?.WriteLine(counts);
        Assert.True(read.Min() > rounds / 100 && refused.Min() > rounds / 4, $"{counts}: the mutations reach one outcome only");
    }

    private static byte[] ToBytes(Action<Stream> write)
    {
        using MemoryStream stream = new();
        write(stream);
        return stream.ToArray();
    }

    private static byte[] Mutate(byte[] valid, RandomSource random)
    {
        List<byte> bytes = [.. valid];
        int header = 8 + BitConverter.ToInt32(valid);
        for (int edits = 1 + random.NextInt(3); edits > 0; edits--)
        {
            int at = 8 + random.NextInt(Math.Min(bytes.Count, header) - 8);
            int length = bytes.Count;
            switch (random.NextInt(5))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.NextInt(8));
                    break;
                case 1:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(s_tokens[random.NextInt(s_tokens.Length)]));
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(1 + random.NextInt(8), header - at));
                    break;
                case 3:
                    bytes[at] = (byte)('0' + random.NextInt(10));
                    break;
                default:
                    bytes[random.NextInt(bytes.Count)] = (byte)random.NextInt(256);
                    break;
            }

            // With the header's true length, so that the mutation reaches what is behind that check.
            header += bytes.Count - length;
            BitConverter.GetBytes((long)header - 8).CopyTo(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes));
        }

        return [.. bytes];
    }

    private sealed class Watcher : ITrainingObserver
    {
    }
}
