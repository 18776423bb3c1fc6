using System.Text.Json.Nodes;
using NormLayers.Exchange;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Lab.Tests.Training;

/// <summary>A training that goes on from a file ends with the bits of one that was never stopped.</summary>
public sealed class TrainingStateTests
{
    private static readonly DataSplit s_data = SyntheticClassification.Generate(new SyntheticOptions { TrainCount = 90, TestCount = 30, Features = 5, Classes = 3 });

    public static TheoryData<string, OptimizerKind, double, bool, bool> Trainings
    {
        get
        {
            TheoryData<string, OptimizerKind, double, bool, bool> data = [];
            foreach (NormalizationKind kind in NormalizationKind.All.Where(k => !k.NeedsPositions))
            {
                data.Add(kind.Name, OptimizerKind.Sgd, 0.9, true, false);
            }

            data.Add("batchnorm", OptimizerKind.Adam, 0, true, true);
            data.Add("layernorm", OptimizerKind.Adam, 0, false, false);
            data.Add("batchnorm", OptimizerKind.Sgd, 0, false, true);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Trainings))]
    public void Resume_FromEachCheckpoint_EndsTheSame(string mode, OptimizerKind optimizer, double momentum, bool shuffle, bool dropLast)
    {
        TrialOptions options = new()
        {
            Normalization = NormalizationKind.Find(mode)!,
            HiddenFeatures = [7, 6],
            Epochs = 3,
            BatchSize = 16,
            Optimizer = optimizer,
            Momentum = momentum,
            Shuffle = shuffle,
            DropLast = dropLast,
            WeightDecay = 1e-3,
            LearningRate = optimizer == OptimizerKind.Adam ? 0.01 : 0.05,
        };
        string whole = Run(options, new Checkpoints(), new Recorder());
        foreach (int interval in (int[])[0, 1, 4])
        {
            List<byte[]> files = [];
            Assert.Equal(whole, Run(options, Saving(files, interval), new Recorder()));
            Assert.Equal(interval switch { 0 => 3, 1 => dropLast ? 15 : 18, _ => dropLast ? 3 : 4 }, files.Count);
            foreach (byte[] file in files)
            {
                TrainingState state = TrainingState.Read(new MemoryStream(file));
                Recorder recorder = new();
                recorder.Probes.AddRange(state.Probes);
                List<byte[]> further = [];
                Assert.Equal(whole, Run(options, Saving(further, interval) with { Resume = state }, recorder));
                Assert.Equal(files.Count - files.IndexOf(file) - 1, further.Count);
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Resume_TheSameStateAgain_EndsTheSame(int interval)
    {
        TrialOptions options = new() { HiddenFeatures = [7], Epochs = 3, BatchSize = 16 };
        List<byte[]> files = [];
        string whole = Run(options, Saving(files, interval), new Recorder());
        TrainingState state = TrainingState.Read(new MemoryStream(files[0]));
        (long step, int probes) = (state.Step, state.Probes.Count);
        for (int time = 0; time < 2; time++)
        {
            Recorder recorder = new();
            recorder.Probes.AddRange(state.Probes);
            List<byte[]> further = [];
            Assert.Equal(whole, Run(options, Saving(further, interval) with { Resume = state }, recorder));
            Assert.Equal(files.Count - 1, further.Count);
            Assert.Equal(WithoutTimes(files[^1]), WithoutTimes(further[^1]));
            Assert.Equal((step, probes), (state.Step, state.Probes.Count));
        }
    }

    [Fact]
    public void Resume_TheSameStateAtOnce_EndsTheSame()
    {
        TrialOptions options = new() { HiddenFeatures = [40, 30], Epochs = 1, BatchSize = 45, Momentum = 0.9 };
        List<byte[]> files = [];
        string whole = Run(options, Saving(files, 1), new Recorder());
        TrainingState state = TrainingState.Read(new MemoryStream(files[0]));
        string[] ends = new string[40];

        Parallel.For(0, ends.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            Recorder recorder = new();
            recorder.Probes.AddRange(state.Probes);
            ends[i] = Run(options, new Checkpoints { Resume = state }, recorder);
        });

        Assert.All(ends, end => Assert.Equal(whole, end));
    }

    [Fact]
    public void Save_CancelledTraining_GoesOnFromThere()
    {
        TrialOptions options = new() { HiddenFeatures = [7], Epochs = 3, BatchSize = 16 };
        string whole = Run(options, new Checkpoints(), new Recorder());
        foreach (int steps in (int[])[1, 5, 6, 7, 11])
        {
            List<byte[]> files = [];
            using CancellationTokenSource stop = new();
            Recorder recorder = new(step =>
            {
                if (step == steps)
                {
                    stop.Cancel();
                }
            });
            PreparedTrial trial = new(options, s_data);
            Assert.Equal(TrainingStatus.Cancelled, trial.Run(recorder, 2, checkpoints: Saving(files, 1000), cancellationToken: stop.Token).Result.Status);
            TrainingState state = TrainingState.Read(new MemoryStream(Assert.Single(files)));
            Assert.Equal(steps, state.Step);
            Recorder rest = new();
            rest.Probes.AddRange(state.Probes);
            Assert.Equal(whole, Run(options, new Checkpoints { Resume = state }, rest));
        }
    }

    [Fact]
    public void Save_DivergedTraining_KeepsTheLastGoodState()
    {
        List<byte[]> files = [];
        TrialOptions options = new() { Normalization = NormalizationKind.None, Epochs = 3, BatchSize = 16, LearningRate = 1e20 };
        TrainingResult result = new PreparedTrial(options, s_data).Run(checkpoints: Saving(files, 1), cancellationToken: TestContext.Current.CancellationToken).Result;
        Assert.Equal(TrainingStatus.Diverged, result.Status);
        Assert.True(result.Steps > 0);

        // After each step that did not diverge, and nothing in it is.
        Assert.Equal(result.Steps, files.Count);
        SafetensorsReader file = new(new MemoryStream(files[^1]));
        SafetensorsTensor[] floats = [.. file.Tensors.Where(t => t.IsFloat)];
        Assert.NotEmpty(floats);
        Assert.All(floats, t => Assert.All(file.ReadFloats(t), v => Assert.True(float.IsFinite(v), $"{t.Name}: {v}")));

        TrainingState state = TrainingState.Read(new MemoryStream(files[^1]));
        Assert.Equal(result.Steps, state.Step);
        TrainingResult again = new PreparedTrial(options, s_data).Run(checkpoints: new Checkpoints { Resume = state }, cancellationToken: TestContext.Current.CancellationToken).Result;
        Assert.Equal((result.Status, result.Steps, result.Divergence), (again.Status, again.Steps, again.Divergence));
    }

    [Fact]
    public void Save_FullDisk_EndsTheTrainingBetweenTwoSteps()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full is of Linux");
        TrialOptions options = new() { HiddenFeatures = [7], Epochs = 3, BatchSize = 16 };
        string whole = Run(options, new Checkpoints(), new Recorder());
        List<byte[]> files = [];
        Checkpoints checkpoints = Saving(files, 4);
        Checkpoints full = checkpoints with
        {
            Save = write =>
            {
                checkpoints.Save!(write);
                using FileStream disk = new("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
                write(disk);
            },
        };
        Assert.Throws<IOException>(() => Run(options, full, new Recorder()));

        TrainingState state = TrainingState.Read(new MemoryStream(Assert.Single(files)));
        Recorder rest = new();
        rest.Probes.AddRange(state.Probes);

        Assert.Equal(whole, Run(options, new Checkpoints { Resume = state }, rest));
    }

    [Fact]
    public void Resume_AnotherTraining_IsRefused()
    {
        TrialOptions options = new() { HiddenFeatures = [7], Epochs = 3, BatchSize = 16, Optimizer = OptimizerKind.Adam };
        List<byte[]> files = [];
        Run(options, Saving(files, 5), new Recorder());
        DataSplit fewer = SyntheticClassification.Generate(new SyntheticOptions { TrainCount = 80, TestCount = 30, Features = 5, Classes = 3 });
        AssertRefused("expected 9 steps after 1 epochs and 64 samples, got 10", options, fewer, files[1]);
        AssertRefused("of 2 epochs, got one after 2 epochs and 15 steps", options with { Epochs = 2 }, s_data, files[^1]);
        AssertRefused("expected the tensor 'optimizer.0.velocity'", options with { Optimizer = OptimizerKind.Sgd, Momentum = 0.5 }, s_data, files[0]);
        AssertRefused("expected the tensor 'optimizer.0.first_moment'", options with { HiddenFeatures = [8] }, s_data, files[0]);
        AssertRefused("expected shape (4) of 'linear1.bias'", options with { HiddenFeatures = [4], Optimizer = OptimizerKind.Sgd }, s_data, files[0]);
        AssertRefused("expected the tensor 'random'", options with { Shuffle = false }, s_data, files[0]);
        AssertRefused("expected a checkpoint of this network, got also 'norm1.", options with { Normalization = NormalizationKind.None, Optimizer = OptimizerKind.Sgd, Momentum = 0 }, s_data, files[0]);
        AssertRefused("expected a checkpoint of this network, got also 'optimizer.", options with { Optimizer = OptimizerKind.Sgd, Momentum = 0 }, s_data, files[0]);
        Assert.Throws<ArgumentOutOfRangeException>("Interval", () => new Checkpoints { Interval = -1 });
    }

    [Theory]
    [InlineData("\"samples\":80", "\"samples\":-1", "expected a position from 0 to 90")]
    [InlineData("\"samples\":80", "\"samples\":91", "expected a position from 0 to 90")]
    [InlineData("\"samples\":80", "\"samples\":81", "between two mini-batches of 16")]
    [InlineData("\"epochs_done\":0", "\"epochs_done\":-1", "expected a checkpoint of a training of 3 epochs")]
    [InlineData("\"epochs_done\":0", "\"epochs_done\":3", "expected a checkpoint of a training of 3 epochs")]
    [InlineData("\"step\":5", "\"step\":-5", "expected a checkpoint of a training of 3 epochs")]
    [InlineData("\"step\":5", "\"step\":6", "expected 5 steps after 0 epochs and 80 samples, got 6")]
    [InlineData("\"epochs_done\":0", "\"epochs_done\":1", "expected 11 steps after 1 epochs and 80 samples, got 5")]
    [InlineData("\"correct\":", "\"correct\":-", "expected a finite sum of losses ≥ 0, 0 to 80 correct samples")]
    [InlineData("\"correct\":", "\"correct\":9", "expected a finite sum of losses ≥ 0, 0 to 80 correct samples")]
    [InlineData("\"loss_sum\":", "\"loss_sum\":-", "expected a finite sum of losses ≥ 0")]
    [InlineData("\"loss_sum\":", "\"loss_sum\":\"NaN\",\"l\":", "got NaN")]
    [InlineData("\"seconds\":", "\"seconds\":-", "times ≥ 0, got")]
    [InlineData("\"seconds_before\":", "\"seconds_before\":\"Infinity\",\"s\":", "Infinity s.")]
    [InlineData("\"probes\":[{\"step\":1", "\"probes\":[{\"step\":-2", "expected probes of steps up to 5 in their order, got one of step -2")]
    [InlineData("\"probes\":[{\"step\":1", "\"probes\":[{\"step\":6", "expected probes of steps up to 5 in their order, got one of step 6")]
    [InlineData("\"probes\":[", "\"probes\":[null,", "got null")]
    [InlineData("{", "[", "got something else")]
    [InlineData("\"step\"", "\"step\":\"x\",\"s\"", "got something else")]
    public void Read_ChangedText_IsRefused(string old, string changed, string message)
    {
        TrialOptions options = new() { HiddenFeatures = [7], Epochs = 3, BatchSize = 16 };
        List<byte[]> files = [];
        Run(options, Saving(files, 5), new Recorder());
        SafetensorsReader file = new(new MemoryStream(files[0]));
        string text = file.Metadata["checkpoint"];
        Assert.Contains(old, text, StringComparison.Ordinal);
        Dictionary<string, string> metadata = new(file.Metadata) { ["checkpoint"] = text.Replace(old, changed, StringComparison.Ordinal) };
        using MemoryStream stream = new();
        SafetensorsWriter.Write(stream, file.Tensors.Select(t => Copy(file, t)).ToArray(), metadata);
        AssertRefused(message, options, s_data, stream.ToArray());
    }

    [Theory]
    [InlineData("optimizer.steps", 0, -1, "expected values ≥ 0 in 'optimizer.steps', got -1 at position 0")]
    [InlineData("optimizer.steps", 1, 19, "expected at most the training's 12 steps in 'optimizer.steps', got 19")]
    [InlineData("optimizer.0.second_moment", 2, -1e-9, "expected values ≥ 0 in 'optimizer.0.second_moment', got -1E-09 at position 2")]
    [InlineData("order", 0, -1, "expected each of the 90 samples once in 'order'")]
    [InlineData("order", 0, 90, "expected each of the 90 samples once in 'order'")]
    [InlineData("random", 4, 0x7FF0_0000_0000_0000, "expected a state of the random numbers in 'random'")]
    [InlineData("history", 0, 0, "expected epochs up to 2 in their order")]
    [InlineData("history", 9, 3, "expected epochs up to 2 in their order")]
    [InlineData("history", 9, 1, "got others after epoch 1")]
    [InlineData("history", 1, 7, "with their steps")]
    [InlineData("history", 2, -1, "losses ≥ 0")]
    [InlineData("history", 3, 1.5, "accuracies from 0 to 1")]
    [InlineData("history", 4, -1, "losses ≥ 0")]
    [InlineData("history", 7, -0.5, "accuracies from 0 to 1")]
    [InlineData("history", 8, double.NaN, "expected epochs")]
    public void Resume_NumberOutOfRange_IsRefused(string tensor, int position, double value, string message)
    {
        TrialOptions options = new() { HiddenFeatures = [7], Epochs = 3, BatchSize = 16, Optimizer = OptimizerKind.Adam };
        List<byte[]> files = [];
        Run(options, Saving(files, 0), new Recorder());
        SafetensorsReader file = new(new MemoryStream(files[1]));
        NamedState[] parts = [.. file.Tensors.Select(t => Copy(file, t))];
        NamedState part = parts.Single(p => p.Name == tensor);
        if (part.Floats is { } floats)
        {
            floats[position] = (float)value;
        }
        else if (part.Doubles is { } doubles)
        {
            doubles[position] = value;
        }
        else
        {
            part.Counters![position] = (long)value;
        }

        using MemoryStream stream = new();
        SafetensorsWriter.Write(stream, parts, file.Metadata);
        AssertRefused(message, options, s_data, stream.ToArray());
    }

    [Fact]
    public void Read_CutOrOtherFile_IsRefused()
    {
        List<byte[]> files = [];
        Run(new TrialOptions { HiddenFeatures = [3], Epochs = 1, BatchSize = 16 }, Saving(files, 0), new Recorder());
        for (int length = 0; length < files[0].Length; length += 11)
        {
            Assert.Throws<InvalidDataException>(() => TrainingState.Read(new MemoryStream(files[0][..length])));
            Assert.Throws<InvalidDataException>(() => TrainingState.Read(new CutStream(files[0], length)));
        }

        using MemoryStream other = new();
        new BatchNorm1D(3).Save(other);
        other.Position = 0;
        Assert.Contains("with the metadata 'checkpoint'", Assert.Throws<InvalidDataException>(() => TrainingState.Read(other)).Message, StringComparison.Ordinal);
    }

    // The position but for its times.
    private static string WithoutTimes(byte[] file)
    {
        JsonObject position = JsonNode.Parse(new SafetensorsReader(new MemoryStream(file)).Metadata["checkpoint"])!.AsObject();
        position.Remove("seconds");
        position.Remove("seconds_before");
        return position.ToJsonString();
    }

    private static NamedState Copy(SafetensorsReader file, SafetensorsTensor tensor)
    {
        int[] shape = [.. tensor.Shape.Select(s => (int)s)];
        return tensor.DataType switch
        {
            "F32" => new NamedState(tensor.Name, new Shape(shape), file.ReadFloats(tensor)),
            "F64" => new NamedState(tensor.Name, new Shape(shape), file.ReadDoubles(tensor)),
            _ => new NamedState(tensor.Name, file.ReadIntegers(tensor)),
        };
    }

    private static void AssertRefused(string message, TrialOptions options, DataSplit data, byte[] file) => Assert.Contains(
        message,
        Assert.Throws<InvalidDataException>(() => new PreparedTrial(options, data).Run(checkpoints: new Checkpoints { Resume = TrainingState.Read(new MemoryStream(file)) })).Message,
        StringComparison.Ordinal);

    private static Checkpoints Saving(List<byte[]> files, long interval) => new()
    {
        Interval = interval,
        Save = write =>
        {
            using MemoryStream stream = new();
            write(stream);
            files.Add(stream.ToArray());
        },
    };

    // Everything but times, bit for bit.
    private static string Run(TrialOptions options, Checkpoints checkpoints, Recorder recorder)
    {
        PreparedTrial trial = new(options, s_data);
        TrainingResult result = trial.Run(recorder, 2, checkpoints: checkpoints).Result;
        using MemoryStream network = new();
        trial.Network.Save(network);
        string optimizer = string.Join(' ', trial.Optimizer.NamedState.Select(s => $"{s.Name} {string.Join(',', s.Floats ?? [])}{string.Join(',', s.Counters ?? [])}"));
        string probes = string.Join('\n', recorder.Probes.Select(p => $"{p.Step} {p.TrainingLoss:R} {p.EvaluationLoss:R} {string.Join(';', p.Layers.Select(l => $"{l.Mean:R} {l.Drift} {string.Join(',', l.Parameters)}"))}"));
        return $"{result.Status} {result.Steps} {result.Train} {result.Test}\n{string.Join('\n', result.History.Select(e => e with { Seconds = 0 }))}\n{probes}\n{optimizer}\n{Convert.ToHexString(network.ToArray())}";
    }

    private sealed class Recorder(Action<long>? onStep = null) : ITrainingObserver
    {
        public List<ProbeRecord> Probes { get; } = [];

        public void OnProbe(ProbeRecord record) => Probes.Add(record);

        public void OnStep(in StepMetrics metrics) => onStep?.Invoke(metrics.Step);
    }
}
