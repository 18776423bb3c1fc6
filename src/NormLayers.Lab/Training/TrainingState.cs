using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using NormLayers.Exchange;
using NormLayers.Lab.Data;
using NormLayers.Network;

namespace NormLayers.Lab.Training;

/// <summary>A training between two steps, as a file: all that the rest of it depends on, and what it came to so far.</summary>
/// <remarks>
/// One safetensors file: the network as <see cref="LayerFiles"/> saves it, <c>optimizer.*</c>, the order of the samples, the random numbers' state and
/// the history; the rest as JSON in the metadata, key <c>checkpoint</c>. A training that goes on from it ends with the bits of one that was never stopped.
/// It does not change: several trainings may go on from it, at once too.
/// </remarks>
public sealed class TrainingState
{
    private const string Key = "checkpoint";
    private const string OptimizerPart = "optimizer";
    private const string Order = "order";
    private const string Random = "random";
    private const string History = "history";
    private const int HistoryColumns = 9;

    // One stream under it, which each reading moves.
    private readonly SafetensorsReader _file;
    private readonly Lock _reading = new();

    private TrainingState(SafetensorsReader file, TrainingPosition position) => (_file, Position) = (file, position);

    /// <summary>The optimizer steps done.</summary>
    public long Step => Position.Step;

    /// <summary>The probes so far, in order.</summary>
    public IReadOnlyList<ProbeRecord> Probes => Position.Probes;

    /// <summary>What the writer of the file said beside.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _file.Metadata;

    internal TrainingPosition Position { get; }

    /// <summary>Reads a file that a training has written.</summary>
    /// <param name="stream">The file, from its beginning; read to its end, and left open.</param>
    /// <exception cref="InvalidDataException">It is damaged, or no checkpoint; the message says what is wrong.</exception>
    public static TrainingState Read(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        MemoryStream copy = new(stream.CanSeek ? (int)Math.Clamp(stream.Length - stream.Position, 0, Array.MaxLength) : 0);
        stream.CopyTo(copy);
        copy.Position = 0;
        SafetensorsReader file = new(copy);
        if (!file.Metadata.TryGetValue(Key, out string? json))
        {
            throw new InvalidDataException($"expected a checkpoint of a training, with the metadata '{Key}', got a file without it.");
        }

        TrainingPosition? position;
        try
        {
            position = JsonSerializer.Deserialize(json, TrainingJson.Default.TrainingPosition);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"expected the JSON of a position in the metadata '{Key}', got something else: {JsonProblem.Describe(e, Encoding.UTF8.GetBytes(json), TrainingJson.Default.TrainingPosition)}.", e);
        }

        if (position?.Probes is null || !position.Probes.TrueForAll(IsWhole))
        {
            throw new InvalidDataException($"expected the JSON of a position in the metadata '{Key}', got null.");
        }

        double[] history = file.ReadDoubles(Tensor(file, History, t => t.DataType == "F64" && t.Count % HistoryColumns == 0));
        position.History.AddRange(history.Chunk(HistoryColumns).Select(h => new EpochMetrics((int)h[0], (long)h[1], h[2], h[3], new Evaluation(h[4], h[5]), new Evaluation(h[6], h[7]), h[8])));
        return new TrainingState(file, position);
    }

    // A missing part of a record is null, whatever its type says.
    private static bool IsWhole(ProbeRecord? probe) => probe?.Layers is { } layers && layers.All(l =>
        l is { Layer: not null, Percentiles: not null, Parameters: { } parameters } && parameters.All(p => p?.Name is not null));

    /// <summary>Writes a training between two steps.</summary>
    internal static void Write(Stream stream, Sequential network, Optimizer optimizer, MiniBatches batches, TrainingPosition position, IReadOnlyDictionary<string, string>? metadata)
    {
        Dictionary<string, string> text = new(metadata ?? new Dictionary<string, string>()) { [Key] = JsonSerializer.Serialize(position, TrainingJson.Default.TrainingPosition) };
        double[] history =
        [
            .. position.History.SelectMany(e => (double[])[e.Epoch, e.Step, e.BatchLoss, e.BatchAccuracy, e.Train.Loss, e.Train.Accuracy, e.Test.Loss, e.Test.Accuracy, e.Seconds]),
        ];
        network.Save(stream, text,
        [
            .. optimizer.NamedState.Select(s => s.Within(OptimizerPart)),
            new NamedState(Order, Array.ConvertAll(batches.Order, i => (long)i)),
            new NamedState(Random, batches.RandomState),
            new NamedState(History, (position.History.Count, HistoryColumns), history),
        ]);
    }

    /// <summary>Checks that every number of the position can be one of this training.</summary>
    /// <exception cref="InvalidDataException">One cannot.</exception>
    internal void Check(int epochs, MiniBatches batches)
    {
        TrainingPosition at = Position;
        if (at.EpochsDone < 0 || at.EpochsDone > epochs || at.Step < 0 || (at.EpochsDone == epochs && (at.InEpoch || at.History.Count == 0)))
        {
            throw new InvalidDataException($"expected a checkpoint of a training of {epochs} epochs, got one after {at.EpochsDone} epochs and {at.Step} steps.");
        }

        int inEpoch = batches.StepsTo(at.Samples);
        long steps = (long)at.EpochsDone * batches.StepsOfEpoch + (at.InEpoch ? inEpoch : 0);
        if (at.Step != steps)
        {
            throw new InvalidDataException($"expected {steps} steps after {at.EpochsDone} epochs and {(at.InEpoch ? at.Samples : 0)} samples, got {at.Step}.");
        }

        if (!IsSize(at.LossSum) || !IsSize(at.Seconds) || !IsSize(at.SecondsBefore) || at.Correct < 0 || at.Correct > at.Samples)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"expected a finite sum of losses ≥ 0, 0 to {at.Samples} correct samples and times ≥ 0, got {at.LossSum}, {at.Correct}, {at.Seconds} s and {at.SecondsBefore} s."));
        }

        (int before, long probed) = (0, 0);
        foreach (EpochMetrics epoch in at.History)
        {
            if (epoch.Epoch <= before || epoch.Epoch > at.EpochsDone || epoch.Step != (long)epoch.Epoch * batches.StepsOfEpoch || !IsSize(epoch.Seconds) || !IsResult(epoch.BatchLoss, epoch.BatchAccuracy)
                || !IsResult(epoch.Train.Loss, epoch.Train.Accuracy) || !IsResult(epoch.Test.Loss, epoch.Test.Accuracy))
            {
                throw new InvalidDataException($"expected epochs up to {at.EpochsDone} in their order, with their steps, losses ≥ 0 and accuracies from 0 to 1 in '{History}', got others after epoch {before}.");
            }

            before = epoch.Epoch;
        }

        foreach (ProbeRecord probe in at.Probes)
        {
            if (probe.Step <= probed || probe.Step > at.Step)
            {
                throw new InvalidDataException($"expected probes of steps up to {at.Step} in their order, got one of step {probe.Step} after that of step {probed}.");
            }

            probed = probe.Step;
        }
    }

    private static bool IsSize(double value) => double.IsFinite(value) && value >= 0;

    // A loss of what was not seen in training may be infinite, and NaN.
    private static bool IsResult(double loss, double accuracy) => !(loss < 0) && !(accuracy < 0) && !(accuracy > 1);

    /// <summary>Puts network, optimizer and order of samples where they were.</summary>
    /// <exception cref="InvalidDataException">It is another training's; nothing is changed then but what was restored before the fault.</exception>
    internal void Restore(Sequential network, Optimizer optimizer, MiniBatches batches)
    {
        using Lock.Scope reading = _reading.EnterScope();
        long[] order = Integers(Order, batches.Order.Length);
        long[] random = Integers(Random, batches.RandomState.Length);
        if (!order.Order().SequenceEqual(Enumerable.Range(0, order.Length).Select(i => (long)i)))
        {
            throw new InvalidDataException($"expected each of the {order.Length} samples once in '{Order}', got others.");
        }

        if (random.Length > 0 && (!random.AsSpan(0, 4).ContainsAnyExcept(0) || double.IsInfinity(BitConverter.Int64BitsToDouble(random[4]))))
        {
            throw new InvalidDataException($"expected a state of the random numbers in '{Random}', got one that no generator has.");
        }

        NamedState[] states = [.. optimizer.NamedState.Select(s => s.Within(OptimizerPart))];
        NamedState[] read = [.. states.Select(s => s.Floats is not null
            ? new NamedState(s.Name, s.Shape, Floats(s.Name, s.Shape.Length))
            : new NamedState(s.Name, Integers(s.Name, s.Shape.Length)))];
        foreach ((NamedState own, NamedState value) in states.Zip(read))
        {
            if (own.NegativeOf(value) is { } negative)
            {
                throw new InvalidDataException($"expected values ≥ 0 in '{own.Name}', got {negative}.");
            }

            if (optimizer is AdamOptimizer && value.Counters?.Max() is { } most && most > Step)
            {
                throw new InvalidDataException($"expected at most the training's {Step} steps in '{own.Name}', got {most}.");
            }
        }

        LoadReport report = network.Load(_file, strict: false);
        if (report.Missing.Count > 0)
        {
            throw new InvalidDataException($"expected the tensor '{report.Missing[0]}', got none.");
        }

        HashSet<string> known = [Order, Random, History, .. states.Select(s => s.Name)];
        if (report.Unexpected.FirstOrDefault(n => !known.Contains(n)) is { } another)
        {
            throw new InvalidDataException($"expected a checkpoint of this network, got also '{another}'.");
        }

        foreach ((NamedState own, NamedState value) in states.Zip(read))
        {
            own.CopyFrom(value);
        }

        batches.Restore(Array.ConvertAll(order, i => (int)i), random, Position.InEpoch ? Position.Samples : 0);
    }

    private static SafetensorsTensor Tensor(SafetensorsReader file, string name, Func<SafetensorsTensor, bool> isRight) => file.Tensors.FirstOrDefault(t => t.Name == name) is { } tensor && isRight(tensor)
        ? tensor
        : throw new InvalidDataException($"expected the tensor '{name}' of a checkpoint, got none, or of another type.");

    private long[] Integers(string name, int count) => _file.ReadIntegers(Tensor(_file, name, t => t.Count == count && t.IsInteger));

    private float[] Floats(string name, int count) => _file.ReadFloats(Tensor(_file, name, t => t.Count == count && t.IsFloat));
}

/// <summary>Where a training is.</summary>
internal sealed record TrainingPosition
{
    public long Step { get; set; }

    public int EpochsDone { get; set; }

    /// <summary>Whether an epoch is begun, of which the sums below are.</summary>
    public bool InEpoch { get; set; }

    public int Samples { get; set; }

    public double LossSum { get; set; }

    public int Correct { get; set; }

    /// <summary>The time of the epoch's steps so far.</summary>
    public double Seconds { get; set; }

    /// <summary>The time of the training before the process at hand.</summary>
    public double SecondsBefore { get; set; }

    public List<ProbeRecord> Probes { get; init; } = [];

    [JsonIgnore]
    public List<EpochMetrics> History { get; init; } = [];

    /// <summary>The same, to be changed without changing this one.</summary>
    public TrainingPosition Copy() => this with { Probes = [.. Probes], History = [.. History] };
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(TrainingPosition))]
internal sealed partial class TrainingJson : JsonSerializerContext;
