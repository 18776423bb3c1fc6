using System.Reflection;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Network;

/// <summary>One network used by many threads at once: the same bits, the same arrays of parameters, no buffer in common.</summary>
public sealed class ShareTests
{
    private const int Callers = 8;
    private static readonly Shape s_planes = (4, 6, 5);
    private static readonly Shape s_rows = (4, 6);

    // With everything that has a buffer: 1 + γ, the ReLU, running statistics or none.
    private static readonly (Func<Layer> Create, Shape Shape)[] s_layers =
    [
        (() => new BatchNorm(6, relu: true, onePlusGamma: true), s_planes),
        (() => new BatchNorm(6, trackRunningStatistics: false), s_planes),
        (() => new BatchNorm1D(6), s_rows),
        (() => new BatchNorm2D(6), (4, 6, 3, 2)),
        (() => new BatchNorm3D(6), new Shape(4, 6, 3, 2, 2)),
        (() => new GhostBatchNorm(6, 2), s_planes),
        (() => new BatchRenorm(6, new RenormLimits(3, 5)), s_planes),
        (() => new InstanceNorm(6, withGamma: true, relu: true), s_planes),
        (() => new InstanceNorm(6, trackRunningStatistics: true), s_planes),
        (() => new LayerNorm(6, relu: true, onePlusGamma: true), s_rows),
        (() => new LayerNorm1D(6), s_rows),
        (() => new GroupNorm(2, 6, relu: true, onePlusGamma: true), s_planes),
        (() => new RmsNorm(6, onePlusGamma: true), s_rows),
        (() => new ScaleNorm(6, onePlusG: true), s_rows),
        (() => new DyT(6, onePlusGamma: true), s_rows),
        (() => new DynamicLayerNorm(6), s_rows),
        (() => new AdaptiveLayerNorm(6), s_rows),
        (() => new LocalResponseNorm(3), s_planes),
        (() => new WeightNorm(new Linear(6, 5, new RandomSource(1)), onePlusG: true), s_rows),
        (() => new WeightStandardization(new Linear(6, 5, new RandomSource(1))), s_rows),
        (() => new Linear(6, 5, new RandomSource(1)), s_rows),
        (() => new ReLU(), s_rows),
        (() => new Gelu(), s_rows),
        (() => new SiLU(), s_rows),
        (() => new Sigmoid(), s_rows),
        (() => new Softmax(), s_rows),
        (() => Rearrangement.SwapAxes(6, 5), s_planes),
        (() => new Sequential(new Linear(6, 6, new RandomSource(1)), new BatchNorm1D(6), new Sequential(new ReLU("inner"), new LayerNorm(6))), s_rows),
    ];

    public static TheoryData<string> Kinds => [.. NormalizationKind.All.Select(k => k.Name)];

    public static TheoryData<int> Layers => [.. Enumerable.Range(0, s_layers.Length)];

    [Fact]
    public void Layers_OfTheseTests_AreAllOfTheLibrary() => Assert.Equal(
        typeof(Layer).Assembly.GetExportedTypes().Where(t => t.IsSubclassOf(typeof(Layer)) && !t.IsAbstract).Select(t => t.Name).Order(),
        s_layers.Select(l => l.Create().GetType().Name).Distinct().Order());

    // The owner is one of the callers.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Forward_ManyCallersAtOnce_HasTheBitsOfOne(string name)
    {
        NormalizationKind kind = NormalizationKind.All.Single(k => k.Name == name);
        AssertSameBitsForManyCallers(Trained(kind, 64, 32), 64, [1, 7, 64], passes: 100);
    }

    // Calls that are cut into parts for the library's own threads.
    [Fact]
    public void Forward_ManyCallersOfAWideNetwork_HasTheBitsOfOne() =>
        AssertSameBitsForManyCallers(Trained(NormalizationKind.BatchNorm, 256, 512), 256, [256, 3], passes: 4);

    // Whatever a pass writes would be seen by the owner, whose buffers are all there after these passes.
    [Theory]
    [MemberData(nameof(Layers))]
    public void Forward_OfAShare_WritesNoArrayOfTheOwner(int index)
    {
        (Func<Layer> create, Shape shape) = s_layers[index];
        Layer owner = create();
        float[] x = Samples.Normal(shape.Length, seed: 3);
        foreach (bool training in (bool[])[true, false])
        {
            owner.Training = training;
            foreach (int masked in (int[])[-1, 1])
            {
                SetInputs(owner, shape, masked);
                Samples.Forward(owner, x, shape);
                Samples.Backward(owner, x, Samples.Upstream(owner.OutputShape(shape).Length));
            }
        }

        // What a pass computes from the parameters alone has other values from now on.
        foreach (Parameter parameter in owner.Parameters)
        {
            Samples.Normal(parameter.Value.Length, seed: 8).CopyTo(parameter.Value, 0);
        }

        (Array Array, Array Copy)[] before = [.. Arrays(owner).Select(a => (a, (Array)a.Clone()))];
        Layer share = owner.Share();
        float[] other = Samples.Normal(shape.Length, 5, 2, seed: 4);
        foreach (int masked in (int[])[-1, 2])
        {
            SetInputs(share, shape, masked);
            Samples.Forward(share, other, shape);
        }

        Assert.All(before, a => Assert.Equal(a.Copy, a.Array));
        SetInputs(share, shape, -1);
        SetInputs(owner, shape, -1);
        Compare.SameBits(Samples.Forward(owner, x, shape), Samples.Forward(share, x, shape), "y");
    }

    // A share may be made while the owner is in a pass: a value of several words that the pass writes could be copied half written.
    [Theory]
    [MemberData(nameof(Layers))]
    public void Share_OfAUsedLayer_StartsWithNothingOfItsPasses(int index)
    {
        (Func<Layer> create, Shape shape) = s_layers[index];
        Layer owner = create();
        SetInputs(owner, shape, 1);
        float[] x = Samples.Normal(shape.Length, seed: 3);
        Samples.Forward(owner, x, shape);
        Samples.Backward(owner, x, Samples.Upstream(owner.OutputShape(shape).Length));
        Assert.NotEqual(Structs(create()), Structs(owner));
        Assert.Equal(Structs(create().Share()), Structs(owner.Share()));
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Share_OfALayer_HasItsParametersAndIsForInferenceOnly(int index)
    {
        (Func<Layer> create, Shape shape) = s_layers[index];
        Layer owner = create();
        Layer share = owner.Share().Share();
        Assert.Equal(owner.GetType(), share.GetType());
        Assert.Equal(owner.Parameters.Count, share.Parameters.Count);
        Assert.All(owner.Parameters.Zip(share.Parameters), p => Assert.Same(p.First, p.Second));
        Assert.Equal(owner.NamedState.Select(n => n.Name), share.NamedState.Select(n => n.Name));
        Assert.All(owner.NamedState.Zip(share.NamedState), n => Assert.Same((object?)n.First.Floats ?? n.First.Counters, (object?)n.Second.Floats ?? n.Second.Counters));
        Assert.True(owner.Training);
        Assert.False(share.Training);

        SetInputs(share, shape, -1);
        float[] x = Samples.Normal(shape.Length);
        int length = Samples.Forward(share, x, shape).Length;
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => share.Backward(x, new float[length], new float[x.Length]));
        Assert.Equal($"{owner.Name}: a backward pass needs the layer itself. This is a share of it, for inference only.", error.Message);
        share.Training = true;
        error = Assert.Throws<InvalidOperationException>(() => Samples.Forward(share, x, shape));
        Assert.Equal($"{owner.Name}: a forward pass in training mode needs the layer itself. This is a share of it, for inference only.", error.Message);
    }

    [Fact]
    public void Share_OfALargeNetwork_CopiesNoWeight()
    {
        Sequential network = new(new Linear(1024, 1024, new RandomSource(1)), new BatchNorm1D(1024), new ReLU());
        float[] x = new float[1024];
        float[] y = new float[1024];
        long bytes = Allocations.Of(() => network.Share().Forward(x, (1, 1024), y));
        Assert.InRange(bytes, 1, 100_000);
    }

    [Fact]
    public void Forward_AfterTheOwnerHasTrainedOn_UsesTheNewValues()
    {
        Sequential network = Trained(NormalizationKind.BatchNorm, 64, 32);
        Sequential share = network.Share();
        float[] x = Samples.Normal(5 * 64);
        float[] before = Samples.Forward(share, x, (5, 64));
        Train(network, 64, seed: 9);
        network.Training = false;
        float[] after = Samples.Forward(network, x, (5, 64));
        Assert.NotEqual(before, after);
        Compare.SameBits(after, Samples.Forward(share, x, (5, 64)), "y");
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void ForInference_OfALayer_HasItsBitsAndIsForInferenceOnly(int index)
    {
        (Func<Layer> create, Shape shape) = s_layers[index];
        Layer owner = create();
        owner.Training = false;
        float[] x = Samples.Normal(shape.Length, seed: 3);
        Layer[] callers = [owner.ForInference(), owner.ForInference().Share(), owner.Share().ForInference()];
        SetInputs(owner, shape, -1);
        float[] expected = Samples.Forward(owner, x, shape);
        Assert.All(callers, c =>
        {
            Assert.Equal(owner.GetType(), c.GetType());
            SetInputs(c, shape, -1);
            Compare.SameBits(expected, Samples.Forward(c, x, shape), "y");
            _ = Assert.Throws<InvalidOperationException>(() => c.Backward(x, new float[expected.Length], new float[x.Length]));
        });
    }

    [Fact]
    public void ForInference_OfLayersWithProducts_KeepsTheirWeights()
    {
        Layer[] owners = [new Linear(6, 5, new RandomSource(1)), new WeightNorm(new Linear(6, 5, new RandomSource(1))), new WeightStandardization(new Linear(6, 5, new RandomSource(1))), new DynamicLayerNorm(6), new Sequential(new Sequential(new Linear(6, 5, new RandomSource(1))))];
        Assert.All(owners, owner =>
        {
            Array.ForEach([.. owner.Parameters], p => Samples.Normal(p.Value.Length, seed: 7).CopyTo(p.Value, 0));
            owner.Training = false;
            float[] x = Samples.Normal(s_rows.Length, seed: 3);
            float[] before = Samples.Forward(owner, x, s_rows);
            Layer caller = owner.ForInference();
            Layer second = caller.Share();
            foreach (Parameter parameter in owner.Parameters.Where(p => p.Shape.Rank == 2))
            {
                Array.Fill(parameter.Value, 1);
            }

            Compare.SameBits(before, Samples.Forward(caller, x, s_rows), "y");
            Compare.SameBits(before, Samples.Forward(second, x, s_rows), "y");
            float[] after = Samples.Forward(owner, x, s_rows);
            Assert.NotEqual(before, after);
            Compare.SameBits(after, Samples.Forward(owner.ForInference(), x, s_rows), "y");
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ForInference_OfAWideLayer_HasItsBitsForAnyNumberOfRows(bool withBias)
    {
        Linear owner = new(300, 77, new RandomSource(1), withBias: withBias);
        Samples.Normal(owner.Bias?.Value.Length ?? 0, seed: 5).CopyTo(owner.Bias?.Value);
        Layer caller = owner.ForInference();
        foreach (int rows in (int[])[1, 2, 3, 8, 21, 64, 100])
        {
            float[] x = Samples.Normal(rows * 300, seed: 4);
            Compare.SameBits(Samples.Forward(owner, x, (rows, 300)), Samples.Forward(caller, x, (rows, 300)), $"{rows} rows");
        }
    }

    [Fact]
    public void ForInference_ManyCallersAtOnce_HasTheBitsOfOne()
    {
        Sequential network = Trained(NormalizationKind.BatchNorm, 64, 32);
        AssertSameBitsForManyCallers(network.ForInference(), 64, [1, 7, 64], passes: 100);
    }

    [Fact]
    public void Share_OfALayerThatDoesNotSayWhatItWrites_IsRefused()
    {
        NotSupportedException error = Assert.Throws<NotSupportedException>(() => new Sequential(new ReLU(), new Own()).Share());
        Assert.Equal("own cannot be shared: Own does not override ReplaceBuffers.", error.Message);
    }

    private static void AssertSameBitsForManyCallers(Sequential network, int features, int[] batches, int passes)
    {
        float[][] inputs = [.. batches.Select((n, i) => Samples.Normal(n * features, seed: (ulong)i + 5))];
        float[][] expected = [.. inputs.Select((x, i) => Samples.Forward(network, x, (batches[i], features)))];
        Exception?[] errors = new Exception?[Callers];
        using Barrier start = new(Callers);
        Thread[] threads = [.. Enumerable.Range(0, Callers).Select(caller => new Thread(() => errors[caller] = Record.Exception(() =>
        {
            start.SignalAndWait();
            Sequential own = caller == 0 ? network : network.Share();
            for (int pass = 0; pass < passes; pass++)
            {
                int i = (caller + pass) % inputs.Length;
                Compare.SameBits(expected[i], Samples.Forward(own, inputs[i], (batches[i], features)), "y");
            }
        })))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        Assert.All(errors, Assert.Null);
    }

    private static Sequential Trained(NormalizationKind kind, int features, int width)
    {
        Sequential network = Mlp.Create(new MlpOptions
        {
            InputFeatures = features,
            HiddenFeatures = [width, width],
            Classes = 4,
            Normalization = kind,
            Patches = kind.NeedsPositions ? new PatchOptions(4, 4) : null,
        });
        Train(network, features, seed: 2);
        network.Training = false;
        return network;
    }

    private static void Train(Sequential network, int features, ulong seed)
    {
        SgdOptimizer optimizer = new(network.Parameters, 0.01);
        network.Training = true;
        for (int step = 0; step < 3; step++)
        {
            float[] x = Samples.Normal(16 * features, seed: seed + (ulong)step);
            network.ZeroGradients();
            Samples.Forward(network, x, (16, features));
            network.Backward(x, Samples.Upstream(16 * 4), default);
            optimizer.Step();
        }
    }

    // The condition of AdaLN, and a mask without one element, row or position; −1 for none.
    private static void SetInputs(Layer layer, Shape shape, int masked)
    {
        if (layer is AdaptiveLayerNorm adaptive)
        {
            adaptive.SetCondition(Samples.Normal(shape[0] * shape.Last, seed: 6), Samples.Normal(shape[0] * shape.Last, seed: 7));
        }

        if (layer is MaskableLayer maskable)
        {
            int together = layer is RunningLayer or GroupNorm ? shape[1] : layer is DynamicLayerNorm ? shape.Last : 1;
            maskable.Mask = masked < 0 ? null : [.. Enumerable.Range(0, shape.Length / together).Select(i => i != masked)];
        }
    }

    private static Dictionary<string, object> Structs(Layer layer) => Fields(layer.GetType())
        .Where(f => f.FieldType is { IsValueType: true, IsPrimitive: false })
        .ToDictionary(f => $"{f.DeclaringType!.Name}.{f.Name}", f => f.GetValue(layer)!);

    private static IEnumerable<FieldInfo> Fields(Type? type)
    {
        for (; type is not null; type = type.BaseType)
        {
            foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            {
                yield return field;
            }
        }
    }

    // Every array of numbers that an object's fields lead to.
    private static HashSet<Array> Arrays(object root)
    {
        HashSet<object> seen = new(ReferenceEqualityComparer.Instance);
        HashSet<Array> found = new(ReferenceEqualityComparer.Instance);
        Stack<object?> open = new([root]);
        while (open.TryPop(out object? next))
        {
            if (next is null or string or Delegate or Type || next.GetType().IsPrimitive || (!next.GetType().IsValueType && !seen.Add(next)))
            {
                continue;
            }

            if (next is Array array)
            {
                if (array.GetType().GetElementType()!.IsPrimitive)
                {
                    found.Add(array);
                }
                else
                {
                    Array.ForEach([.. array.Cast<object?>()], open.Push);
                }
            }

            foreach (FieldInfo field in Fields(next.GetType()))
            {
                open.Push(field.GetValue(next));
            }
        }

        return found;
    }

    private sealed class Own() : Layer("own")
    {
        public override Shape OutputShape(Shape shape) => shape;

        protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y) => x.CopyTo(y);

        protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => dy.CopyTo(dx);
    }
}
