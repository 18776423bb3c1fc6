#:project ../src/NormLayers.Lab/NormLayers.Lab.csproj
// The bits of every layer and of a training, here and as published: the same on each processor, and at each vector width.
using System.Diagnostics;
using System.Runtime.InteropServices;
using NormLayers;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Network;
using NormLayers.Numerics;

(Layer Layer, Shape Shape, string Published)[] layers =
[
    (new LayerNorm1D(130), (90, 130), "6CF6AECF1F52C969"),
    (new LayerNorm((7, 19)), (50, 7, 19), "6A736CAEE88CFA0E"),
    (new RmsNorm(130), (90, 130), "9A25740837E22D54"),
    (new AdaptiveLayerNorm(130), (6, 15, 130), "E8032F93B9515623"),
    (new BatchNorm1D(37), (140, 37), "A66C18E13A62A683"),
    (new BatchNorm2D(12), (6, 12, 9, 9), "3654CC7E688A0A6F"),
    (new GroupNorm(4, 12), (6, 12, 9, 9), "1064C86E5E27E1A4"),
    (new InstanceNorm(12), (6, 12, 9, 9), "C01A14299A035403"),
    (new GhostBatchNorm(37, chunkSize: 32), (140, 37), "3066FFE94C1C3B91"),
    (new BatchRenorm(37, new RenormLimits(1.5, 0.5)), (140, 37), "151FC1504D62D617"),
    (new ScaleNorm(130), (90, 130), "9E8EC0DECCA8F1EB"),
    (new WeightNorm(new Linear(37, 21, new RandomSource(1))), (90, 37), "B14B94A8C25DBB4C"),
    (new WeightStandardization(new Linear(37, 21, new RandomSource(1))), (90, 37), "EC2A5C93D88A13E2"),
    (new DyT(130), (90, 130), "7DF81A3A002E54D5"),
    (new LocalResponseNorm(5), (6, 12, 9, 9), "DAAF3E55E8B1B5F4"),
    (new Gelu(), (90, 130), "9A411C3EB8E5E048"),
    (new SiLU(), (90, 130), "58168BB11C939A7D"),
    (new Softmax(), (90, 130), "9E4429A30DFC2BE0"),
];

Console.WriteLine($"{RuntimeInformation.ProcessArchitecture}, vectors of {VectorWidth.Bits} bits, {Threads.Limit} threads");
bool same = true;
foreach ((Layer layer, Shape shape, string published) in layers)
{
    Report(layer.GetType().Name, Bits(layer, shape), published);
}

DataSplit digits = Digits.Load().Split(testCount: 1400, seed: 1);
foreach ((NormalizationKind kind, string published) in ((NormalizationKind, string)[])[(NormalizationKind.BatchNorm, "7DBCC903AF0158B8"), (NormalizationKind.LayerNorm, "5BB61C56A7300BF2")])
{
    Sequential network = Mlp.Create(new MlpOptions { InputFeatures = 64, HiddenFeatures = [32], Classes = 10, Normalization = kind });
    new Trainer(network, new AdamOptimizer(network.Parameters, learningRate: 0.01), new TrainingOptions { Epochs = 2 }).Fit(digits);
    Report($"training with {kind}", Hash(network.NamedState.SelectMany(state => state.Floats ?? [])), published);
}

Console.WriteLine($"layer normalization of 512 rows of 768: {Microseconds(new LayerNorm1D(768), (512, 768)):f0} µs");
Console.WriteLine(same ? "The same bits as published." : "These are not the published bits.");
return same ? 0 : 1;

void Report(string name, string bits, string published)
{
    same &= bits == published;
    Console.WriteLine($"{name,-24} {bits} {(bits == published ? "" : $"published: {published}")}");
}

// A forward and a backward pass: y, dx and the gradients of the parameters, or of the condition.
static string Bits(Layer layer, Shape shape)
{
    RandomSource random = new(seed: 7);
    float[] Normal(int length) => [.. Enumerable.Range(0, length).Select(_ => (float)random.NextNormal() + 0.5f)];
    float[] x = Normal(shape.Length), y = new float[layer.OutputShape(shape).Length], dy = Normal(y.Length), dx = new float[x.Length];
    foreach (Parameter parameter in layer.Parameters)
    {
        Normal(parameter.Value.Length).CopyTo(parameter.Value, 0);
    }

    if (layer is AdaptiveLayerNorm adaptive)
    {
        adaptive.SetCondition(scale: Normal(shape[0] * shape.Last), shift: Normal(shape[0] * shape.Last));
    }

    layer.Forward(x, shape, y);
    layer.Backward(x, dy, dx);
    float[] ofCondition = layer is AdaptiveLayerNorm conditioned ? [.. conditioned.ScaleGradient, .. conditioned.ShiftGradient] : [];
    return Hash([.. y, .. dx, .. layer.Parameters.SelectMany(parameter => parameter.Gradient), .. ofCondition]);
}

// The fastest of many forward passes.
static double Microseconds(Layer layer, Shape shape)
{
    float[] x = new float[shape.Length], y = new float[shape.Length];
    TimeSpan best = TimeSpan.MaxValue;
    for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(0.5);)
    {
        long pass = Stopwatch.GetTimestamp();
        layer.Forward(x, shape, y);
        best = TimeSpan.FromTicks(Math.Min(best.Ticks, Stopwatch.GetElapsedTime(pass).Ticks));
    }

    return best.TotalMicroseconds;
}

// FNV-1a over the bits of each number.
static string Hash(IEnumerable<float> values) =>
    values.Aggregate(14695981039346656037, (hash, value) => (hash ^ BitConverter.SingleToUInt32Bits(value)) * 1099511628211).ToString("X16");
