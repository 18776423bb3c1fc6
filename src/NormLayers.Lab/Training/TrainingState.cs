using System.Text.Json;
using System.Text.Json.Serialization;
using NormLayers.Exchange;
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
    private const string OptimizerPrefix = "optimizer.";
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
        MemoryStream copy = new();
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
            throw new InvalidDataException($"expected the JSON of a position in the metadata '{Key}', got something else: {e.Message}", e);
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
            .. optimizer.NamedState.Select(Named),
            new NamedState(Order, Array.ConvertAll(batches.Order, i => (long)i)),
            new NamedState(Random, batches.RandomState),
            new NamedState(History, (position.History.Count, HistoryColumns), history),
        ]);
    }

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

        NamedState[] states = [.. optimizer.NamedState.Select(Named)];
        NamedState[] read = [.. states.Select(s => s.Floats is not null
            ? new NamedState(s.Name, s.Shape, Floats(s.Name, s.Shape.Length))
            : new NamedState(s.Name, Integers(s.Name, s.Shape.Length)))];
        LoadReport report = network.Load(_file, strict: false);
        if (report.Missing.Count > 0)
        {
            throw new InvalidDataException($"expected the tensor '{report.Missing[0]}', got none.");
        }

        foreach ((NamedState own, NamedState value) in states.Zip(read))
        {
            own.CopyFrom(value);
        }

        batches.Restore(Array.ConvertAll(order, i => (int)i), random, Position.InEpoch ? Position.Samples : 0);
    }

    private static NamedState Named(NamedState part) => part.Floats is { } floats
        ? new NamedState(OptimizerPrefix + part.Name, part.Shape, floats)
        : new NamedState(OptimizerPrefix + part.Name, part.Counters!);

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
