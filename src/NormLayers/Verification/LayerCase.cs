using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Verification;

/// <summary>A layer on an input of one shape, to be checked.</summary>
/// <param name="Create">The layer.</param>
/// <param name="Shape">The shape of its input.</param>
internal sealed record LayerCase(Func<Layer> Create, Shape Shape)
{
    // Of 4 MiB, from which on the engines stream.
    private const int Large = 1 << 20;

    /// <summary>What x is multiplied by; with ε = 0 small enough that a factor fits no float.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Whether a mask leaves out every fourth position.</summary>
    public bool Masked { get; init; }

    /// <summary>Whether a mask leaves out some elements of each row, the same ones of two rows at a time.</summary>
    public bool ElementsMasked { get; init; }

    /// <summary>Whether it is run in evaluation.</summary>
    public bool Evaluation { get; init; }

    /// <summary>The gradients, after a backward pass, of inputs besides x that are parameters of the reference.</summary>
    public Func<Layer, (string Name, float[] Gradient)[]> ConditionGradients { get; init; } = _ => [];

    /// <summary>Cases of every layer that reach each way through the engines: rows, columns and planes, below and above the sixteen lanes, streamed, special.</summary>
    public static IReadOnlyList<LayerCase> All { get; } =
    [
        .. Rows(c => new LayerNorm1D(c, 0.1)),
        .. Rows(c => new LayerNorm1D(c, 0.1, relu: true, onePlusGamma: true)),
        new(() => new LayerNorm((3, 6), 0.1), (4, 3, 6)),
        new(() => new LayerNorm1D(40, epsilon: 0), (6, 40)) { Scale = 1e-33 },
        new(() => new LayerNorm1D(40, epsilon: 0, relu: true), (6, 40)) { Scale = 1e-33 },
        new(() => new LayerNorm1D(960, 0.1), (Large / 900, 960)),
        .. Rows(c => new RmsNorm(c, 0.1)),
        .. Rows(c => new RmsNorm(c, 0.1, onePlusGamma: true)),
        new(() => new RmsNorm(20, 0.1, epsilonOutsideRoot: true), (4, 20)),
        new(() => new RmsNorm(40, epsilon: 0), (6, 40)) { Scale = 1e-33 },
        new(() => new RmsNorm(960, 0.1), (Large / 900, 960)),
        .. Channels(c => new BatchNorm(c, 0.1)),
        .. Channels(c => new BatchNorm(c, 0.1, relu: true, onePlusGamma: true)),
        .. Channels(c => new BatchNorm(c, 0.1)).Select(c => c with { Evaluation = true }),
        new(() => new BatchNorm(20, epsilon: 0), (9, 20)) { Scale = 1e-33 },
        new(() => new BatchNorm(3, epsilon: 0), (5, 3, 20)) { Scale = 1e-33 },
        new(() => new BatchNorm(20, epsilon: 0, relu: true), (9, 20)) { Scale = 1e-33 },
        new(() => new BatchNorm(3, epsilon: 0, relu: true), (5, 3, 20)) { Scale = 1e-33 },
        new(() => new BatchNorm(66, 0.1), (3, 66, 17)), // So many channels that each has its samples' planes added at once.
        new(() => new BatchNorm(960, 0.1), (Large / 900, 960)),
        new(() => new BatchNorm(64, 0.1), (17, 64, 1000)),
        .. Channels(c => new GroupNorm(2, c, 0.1), even: true),
        .. Channels(c => new GroupNorm(1, c, 0.1, relu: true, onePlusGamma: true)),
        .. Channels(c => new GroupNorm(2, c, epsilon: 0), even: true).Select(c => c with { Scale = 1e-33 }),
        new(() => new GroupNorm(2, 4, epsilon: 0, relu: true), (5, 4, 20)) { Scale = 1e-33 },
        new(() => new GroupNorm(8, 64, 0.1), (5, 64, 4096)),
        new(() => new InstanceNorm(4, 0.1, withGamma: true, withBeta: true, trackRunningStatistics: true), (3, 4, 5)),
        new(() => new InstanceNorm(3, 0.1, withGamma: true, withBeta: true, trackRunningStatistics: true), (2, 3, 20)),
        new(() => new InstanceNorm(3, 0.1, withGamma: true, withBeta: true, trackRunningStatistics: true), (2, 3, 20)) { Evaluation = true },
        new(() => new InstanceNorm(3, 0.1), (2, 3, 7)),
        .. Channels(c => new GhostBatchNorm(c, 3, 0.1)),
        .. Channels(c => new GhostBatchNorm(c, 4, 0.1, relu: true)),
        .. Channels(c => new BatchRenorm(c, new RenormLimits(100, 100), 0.1)),
        .. Channels(c => new BatchRenorm(c, new RenormLimits(1.2, 0.3), 0.1, relu: true)),
        .. Channels(c => new BatchRenorm(c, new RenormLimits(3, 5), 0.1)).Select(c => c with { Evaluation = true }),
        .. Rows(c => new LayerNorm1D(c, 0.1)).Select(c => c with { Masked = true }),
        .. Rows(c => new RmsNorm(c, 0.1)).Select(c => c with { Masked = true }),
        .. Rows(c => new LayerNorm1D(c, 0.1)).Select(c => c with { ElementsMasked = true }),
        .. Rows(c => new RmsNorm(c, 0.1)).Select(c => c with { ElementsMasked = true }),
        .. Channels(c => new BatchNorm(c, 0.1)).Select(c => c with { Masked = true }),
        .. Channels(c => new GroupNorm(2, c, 0.1), even: true).Where(c => c.Shape.Rank > 2).Select(c => c with { Masked = true }),
        new(() => new InstanceNorm(4, 0.1, withGamma: true, withBeta: true, trackRunningStatistics: true), (3, 4, 7)) { Masked = true },
        new(() => new InstanceNorm(3, 0.1, withGamma: true, withBeta: true, trackRunningStatistics: true), (2, 3, 20)) { Masked = true },
        .. Channels(c => new GhostBatchNorm(c, 3, 0.1)).Select(c => c with { Masked = true }),
        .. Channels(c => new BatchRenorm(c, new RenormLimits(3, 5), 0.1)).Select(c => c with { Masked = true }),
        .. Rows(c => new ScaleNorm(c)),
        .. Rows(c => new ScaleNorm(c, onePlusG: true)),
        .. Rows(c => new ScaleNorm(c)).Select(c => c with { Masked = true }),
        new(() => new ScaleNorm(6, epsilon: 50), (4, 6)),
        .. Rows(c => new DyT(c)),
        .. Rows(c => new DyT(c, onePlusGamma: true)),
        new(() => new LocalResponseNorm(3, alpha: 2), (3, 7)),
        new(() => new LocalResponseNorm(4, alpha: 2, beta: 0.5, k: 0.3, evenReachesUp: true), (2, 5, 3)),
        new(() => new LocalResponseNorm(5, alpha: 2), (2, 6, 40)),
        .. Linears(l => new WeightNorm(l)),
        .. Linears(l => new WeightNorm(l, onePlusG: true)),
        .. Linears(l => new WeightStandardization(l, 0.1)),
        .. Rows(c => new DynamicLayerNorm(c, 0.1)),
        .. Rows(c => new DynamicLayerNorm(c, 0.1)).Select(c => c with { Masked = true }),
        .. ((Shape[])[(3, 7), (2, 5, 20), (4, 3, 33)]).Select(Conditioned),
        .. ((Shape[])[(2, 5, 20), (4, 3, 33)]).Select(s => Conditioned(s) with { Masked = true }),
    ];

    /// <summary>Whether a mask leaves in a position: a row, or a position of all channels of a sample.</summary>
    public bool Keeps(int position) => !Masked || position % 4 != 1;

    /// <summary>Whether a mask with a value for each element leaves one in.</summary>
    public bool KeepsElement(int i) => (i % Shape.Last + i / Shape.Last / 2) % 3 != 1;

    private static LayerCase[] Rows(Func<int, Layer> create) =>
        [.. ((Shape[])[(5, 7), (4, 16), (3, 33), (2, 150), (40, 24)]).Select(s => new LayerCase(() => create(s.Last), s))];

    private static LayerCase[] Channels(Func<int, Layer> create, bool even = false) =>
    [
        .. ((Shape[])[(9, even ? 6 : 5), (10, 20), (40, 34), (7, 4, 5), (6, 4, 16), (5, 4, 20), (2, 2, 130)])
            .Select(s => new LayerCase(() => create(s[1]), s)),
    ];

    private static LayerCase[] Linears(Func<Linear, Layer> create) =>
        [.. ((Shape[])[(5, 4), (3, 33), (6, 150)]).Select(s => new LayerCase(() => create(new Linear(s.Last, 6, new RandomSource(3))), s))];

    private static LayerCase Conditioned(Shape shape) => new(() => WithCondition(shape), shape)
    {
        ConditionGradients = layer => [("the scale", ((AdaptiveLayerNorm)layer).ScaleGradient.ToArray()), ("the shift", ((AdaptiveLayerNorm)layer).ShiftGradient.ToArray())],
    };

    private static AdaptiveLayerNorm WithCondition(Shape shape)
    {
        AdaptiveLayerNorm layer = new(shape.Last, 0.1);
        RandomSource random = new(4);
        float[] Draw() => [.. Enumerable.Range(0, shape[0] * shape.Last).Select(_ => (float)(0.3 + 0.5 * random.NextNormal()))];
        layer.SetCondition(Draw(), Draw());
        return layer;
    }
}
