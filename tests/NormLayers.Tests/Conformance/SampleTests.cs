using System.Diagnostics.CodeAnalysis;
using NormLayers.Numerics;
using NormLayers.Tests.Checks;
using NormLayers.Tests.Support;
using NormLayers.Verification;

namespace NormLayers.Tests.Conformance;

/// <summary>The inputs of other projects' tests and bug reports (shapes, sizes, ε, ranges), each with a random upstream gradient, against the reference in double.</summary>
/// <remarks>RMS, group and instance normalization have theirs in Rms/RmsNormSuiteTests, Layers/GroupNormTests and Layers/InstanceNormTests.</remarks>
public sealed class SampleTests
{
    private static readonly Sample[] s_inputs =
    [
        new("batch_norm", Batch(5, 0.6, 0.5), (5, 5, 5)),
        new("batch_norm, momentum -1.2 there", Batch(2, 1e-5, 0), (3, 2, 4)),
        new("batch_norm", Batch(1, 1e-5, 0), (3, 1)),
        new("batch_norm, momentum -1 there", Batch(2, 0.5, 1), (3, 2, 3, 4)),
        new("batch_norm", Batch(1), (2, 1)),
        new("batch_norm", (g, b) => new BatchNorm(2, 1e-5, null, g, b, trackRunningStatistics: false), (1, 2, 3)),
        new("BatchNorm1d", Batch(10), (4, 10)),
        new("BatchNorm1d", Batch(5), (4, 5, 3)),
        new("BatchNorm1d", (g, b) => new BatchNorm1D(10, 1e-3, Momentum.Cumulative, g, b), (4, 10)),
        new("BatchNorm1d", Batch(10, 1e-3, 0.3), (4, 10)),
        new("BatchNorm1d", (g, b) => new BatchNorm1D(10, 1e-3, Momentum.NewWeight(0.3), g, b, trackRunningStatistics: false), (4, 10)),
        new("BatchNorm1d", Batch(5, 1e-3, 0.3), (4, 5, 3)),
        new("batchnorm_non_contig", Batch(3), (1, 3, 2, 1)),
        new("batchnorm_nhwc", Batch(8), (4, 8, 10, 10)),
        new("batchnorm_nhwc", Batch(1), (4, 1, 9, 9)),
        new("batchnorm_nhwc", Batch(9), (4, 9, 1, 1)),
        new("batchnorm_nhwc", Batch(9), new Shape(4, 9, 1, 1, 1)),
        new("batchnorm_large_batch", Batch(1), (880_801, 1, 1, 1)),
        new("layer_norm", Layer(0.5, 1, 2, 3), (1, 2, 3)),
        new("layer_norm, ε -0.5 there", Layer(0.5, 2, 3), (2, 2, 3)),
        new("layer_norm", Layer(1e-5, 1), 1),
        new("layer_norm", Layer(1e-5, 2), (1, 2)),
        new("LayerNorm", Layer(1e-3, 5), (4, 5, 5)),
        new("LayerNorm", Layer(1e-3, 5), (128, 5, 5)),
        new("LayerNorm", Layer(1e-3, 2, 2, 5), (4, 2, 2, 5)),
        new("LayerNorm", Layer(1e-5, 56, 56, 56), (4, 56, 56, 56)),
        new("layernorm_weight_bias", Layer(1e-5, 128), (1, 5, 128)),
        new("layer_norm_grads_with_create_graph", Layer(1e-5, 16), (4, 4, 16)),
        new("group_norm, ε -0.5 there", Group(2, 6, 0.5), (2, 6, 3)),
        new("instance_norm", Instance(2, 1e-5, 0), (3, 2, 4)),
        new("instance_norm, momentum -1 there", Instance(2, 0.5, 1), (3, 2, 3, 4)),
        new("InstanceNorm1d, one sample", Instance(3, 1e-3, 0.3), (1, 3, 15)),
        new("InstanceNorm2d, one sample", Instance(3, 1e-3, 0.3), (1, 3, 6, 6)),
        new("InstanceNorm3d, one sample", Instance(3, 1e-3, 0.3), new Shape(1, 3, 4, 4, 4)),
        new("pytorch#51102", Layer(1e-5, 4), (3, 4), 1998, 2002),
        new("pytorch#40302", Layer(1e-5, 4096), (3, 4096), 99.98, 100.02),
        new("pytorch#162489", (g, b) => new BatchNorm(3, 1e-5, null, g, b, trackRunningStatistics: false), (5, 3, 4), -1e30, 1e30),
        new("pytorch#162489", Layer(1e-5, 40), (3, 40), -1e30, 1e30),
        new("pytorch#162489", Group(2, 4), (3, 4, 5), -1e30, 1e30),
        new("pytorch#162489", (g, b) => new InstanceNorm(4, 1e-5, null, g, b), (3, 4, 5), -1e30, 1e30),

        .. from size in (Shape[])[(3, 3), (5, 5), (11, 11), (55, 55), (32, 32), (1024, 32), (33, 33), (1025, 33), (1024, 1024), (1025, 1025)]
           select new Sample("layer_norm_backwards_eps", Layer(1e-5, size.Last), size),

        // Batch, instance and layer normalization on another backend, MPS: statistics that are tracked and not, layer normalization over one axis and over several.
        .. from epsilon in (double[])[0, 1e-5, 1, 3]
           from shape in (Shape[])[(2, 3, 2), (2, 3, 2, 2), new Shape(2, 3, 2, 2, 2)]
           from create in (Create[])[
               .. ((double[])[0.1, 0.67, 1]).SelectMany(m => (Create[])[Batch(3, epsilon, m), Instance(3, epsilon, m)]),
               (g, b) => new BatchNorm(3, epsilon, null, g, b, trackRunningStatistics: false),
               (g, b) => new InstanceNorm(3, epsilon, null, g, b, trackRunningStatistics: false),
               .. Enumerable.Range(1, shape.Rank).Select(axes => Layer(epsilon, [.. Enumerable.Range(shape.Rank - axes, axes).Select(axis => shape[axis])]))]
           select new Sample("test_mps", create, shape, 128, 256) { Running = ((140, 240), (0, 32)) },
    ];

    /// <summary>Creates a layer, with γ and with β or not.</summary>
    public delegate NormalizationLayer Create(bool gamma, bool beta);

    public static TheoryData<Sample> Inputs => [.. s_inputs];

    // Every subset of α, β and k, and windows of one channel.
    public static TheoryData<Shape, int, double, double, double> LocalResponses =>
    [
        .. from input in ((Shape Shape, int Size)[])[((1, 6, 3), 2), ((2, 6, 3), 2), ((1, 1, 2), 1)]
           from alpha in (double[])[1e-4, 3e-5] from beta in (double[])[0.75, 0.5] from k in (double[])[1, 1.25]
           select (input.Shape, input.Size, alpha, beta, k),
    ];

    [Theory]
    [MemberData(nameof(Inputs))]
    public void Passes_Input_MatchTheReference(Sample input)
    {
        double half = (input.High - input.Low) / 2;
        foreach ((bool gamma, bool beta) in (ReadOnlySpan<(bool, bool)>)[(true, true), (true, false), (false, true), (false, false)])
        {
            NormalizationLayer layer = input.Create(gamma, beta);
            foreach (bool training in layer is BatchNorm or InstanceNorm ? (bool[])[true, false] : [true])
            {
                layer.Training = training;
                layer.ZeroGradients();
                layer.Running?.Reset();
                Fill(layer.Gamma?.Value, -2, 3, seed: 1);
                Fill(layer.Beta?.Value, -2, 3, seed: 2);
                ((double Low, double High) mean, (double Low, double High) variance) = input.Running ?? ((input.Low + half, input.High), (0, half));
                Fill(layer.Running?.Mean, mean.Low, mean.High, seed: 3);
                Fill(layer.Running?.Variance, variance.Low, variance.High, seed: 4);
                Check(layer, Fill(new float[input.Shape.Length], input.Low, input.High, seed: 5), input.Shape, $"{input}, γ {gamma}, β {beta}, training {training}");
            }
        }
    }

    [Theory]
    [Trait("Duration", "long")]
    [InlineData(131_072, 32)]
    [InlineData(32, 131_072)]
    public void Passes_LargestInput_MatchTheReference(int rows, int features) =>
        Passes_Input_MatchTheReference(new("layer_norm_backwards_eps", Layer(1e-5, features), (rows, features)));

    // weight 1 … 5, bias 0 … 4, running mean 1 − k, running variance 2k, of which one is 0.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Passes_NumbersOfBatchnormGrad_MatchTheReference(bool training)
    {
        BatchNorm1D layer = new(5, 1e-4) { Training = training };
        for (int k = 0; k < 5; k++)
        {
            (layer.Gamma!.Value[k], layer.Beta!.Value[k], layer.Running!.Mean[k], layer.Running.Variance[k]) = (k + 1, k, 1 - k, 2 * k);
        }

        Check(layer, [.. Enumerable.Range(0, 120).Select(i => (float)i)], (4, 5, 6), "batchnorm_grad");
    }

    // Sums over so many elements are right only in blocks or in more than float; and one pass over 100 ± 0.01 loses the variance.
    [Theory]
    [Trait("Duration", "long")]
    [InlineData("LayerNorm_numeric", 1, 256 * 256 * 144, 0.5, 0.29)]
    [InlineData("GroupNorm_numeric", 1, 4 * 256 * 256 * 72, 0.5, 0.29)]
    [InlineData("pytorch#59987", 1, 1024 * 1024 * 72, 0.5, 0.29)]
    [InlineData("pytorch#40307", 1024, 32_768, 100, 0.01)]
    public void Forward_ManyElements_AreThoseOfTwoPassesInDouble(string source, int rows, int features, double mean, double deviation)
    {
        float[] x = Samples.Normal(rows * features, mean, deviation);
        (NormalizationLayer layer, Shape shape) = source.StartsWith("Group", StringComparison.Ordinal)
            ? ((NormalizationLayer)new GroupNorm(1, 4), new Shape(rows, 4, features / 4))
            : (new LayerNorm(features, withGamma: false, withBeta: false), (rows, features));
        float[] y = Samples.Forward(layer, x, shape);
        for (int n = 0; n < rows; n++)
        {
            ArraySegment<float> row = new(x, n * features, features);
            double center = row.Average(v => (double)v);
            double rstd = 1 / Math.Sqrt(row.Average(v => (v - center) * (v - center)) + 1e-5);
            for (int i = 0; i < features; i++)
            {
                double exact = (row[i] - center) * rstd;

                // Beside the bound, what the plain sum of the mean may have lost.
                if (!(Math.Abs(y[n * features + i] - exact) <= Tolerance.Element(exact) + 1e-9 * rstd * Math.Abs(center)))
                {
                    Assert.Fail($"{source} [{n}, {i}]: {y[n * features + i]}, {exact}");
                }
            }
        }
    }

    // Ranks 2 to 5, ε = 0, uniform(0, 10): with scale s and bias b the mean is b and the variance s².
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Forward_LayerNormGeneral_HasMeanBetaAndVarianceGammaSquared(int rank)
    {
        int[] dimensions = [.. Enumerable.Range(0, rank).Select(d => 3 + (7 * d + rank) % 4)];
        for (int trailing = 1; trailing < rank; trailing++)
        {
            LayerNorm layer = new(new Shape(dimensions.AsSpan(rank - trailing)), epsilon: 0);
            Array.Fill(layer.Gamma!.Value, -1.5f);
            Array.Fill(layer.Beta!.Value, 0.75f);
            Shape shape = new(dimensions);
            foreach (float[] set in Samples.Forward(layer, Fill(new float[shape.Length], 0, 10, rank), shape).Chunk(layer.Features))
            {
                Assert.Equal(0.75, set.Average(v => (double)v), 1e-6);
                Assert.Equal(2.25, set.Average(v => (v - 0.75) * (v - 0.75)), 1e-6);
            }
        }
    }

    [Theory]
    [MemberData(nameof(LocalResponses))]
    public void Passes_LocalResponseSample_MatchTheReference(Shape shape, int size, double alpha, double beta, double k)
    {
        LocalResponseNorm layer = new(size, alpha, beta, k);
        (float[] x, float[] dy) = (Fill(new float[shape.Length], -9, 9, seed: 1), Samples.Upstream(shape.Length));
        ReferenceLayer reference = layer.CreateReference();
        (double[] y, double[] dx) = (reference.Forward(Compare.Widen(x), shape), reference.Backward(Compare.Widen(dy)));
        Compare.Within(y, Samples.Forward(layer, x, shape), Array.ConvertAll(y, Tolerance.Ulp), "y");
        Compare.Within(dx, Samples.Backward(layer, x, dy), Array.ConvertAll(dx, Tolerance.Ulp), "dx");
    }

    public static TheoryData<string> Modules => [.. LayerCase.All.Select(c => c.Create().GetType().Name).Distinct()];

    // "generic, every module": the state goes through a file bit by bit, and the flag of training is read where there are running statistics and nowhere else.
    [Theory]
    [MemberData(nameof(Modules))]
    public void EveryModule_StateAndFlagOfTraining_AreThoseOfAnother(string name)
    {
        LayerCase one = LayerCase.All.First(c => c.Create().GetType().Name == name && !c.Masked && !c.ElementsMasked);
        Layer layer = one.Create();
        float[] x = Samples.Normal(one.Shape.Length);
        foreach (Parameter parameter in layer.Parameters)
        {
            Samples.Normal(parameter.Value.Length, 0.8, 0.3, seed: 3).CopyTo(parameter.Value, 0);
        }

        float[] trained = Samples.Forward(layer, x, one.Shape);
        using MemoryStream file = new();
        layer.Save(file);
        file.Position = 0;
        Layer other = one.Create();
        Assert.True(layer.Parameters.Count == 0 || !Samples.Forward(other, x, one.Shape).SequenceEqual(trained), "A new layer computes the same, so that nothing shows the state.");
        other = one.Create();
        other.Load(file);
        (layer.Training, other.Training) = (false, false);
        float[] evaluated = Samples.Forward(layer, x, one.Shape);
        Compare.SameBits(evaluated, Samples.Forward(other, x, one.Shape), "y");
        Assert.Equal(layer is INormalization { Running: not null }, !evaluated.SequenceEqual(trained));
        Assert.Equal(layer.NamedState.Select(s => s.Name), other.NamedState.Select(s => s.Name));
    }

    private static void Check(NormalizationLayer layer, float[] x, Shape shape, string what)
    {
        Family family = layer switch
        {
            BatchNorm or { Training: false, Running: not null } => Family.BatchNorm,
            InstanceNorm => Family.InstanceNorm,
            GroupNorm group => Family.GroupNorm(group.Groups),
            _ => Family.OverRows(((LayerNorm)layer).NormalizedShape.Rank),
        };
        (double[] X, Shape Shape, double[] Dy) data = (Compare.Widen(x), shape, Compare.Widen(Samples.Upstream(x.Length)));
        ExactOutputs exact = ExactOutputs.Of(family, (NormReference)layer.CreateReference()!, layer, data);
        exact.Check(NormRun.Of(layer, data.X, shape, data.Dy).Outputs, what);
    }

    private static Create Batch(int channels, double epsilon = 1e-5, double newWeight = 0.1) =>
        (gamma, beta) => new BatchNorm(channels, epsilon, Momentum.NewWeight(newWeight), gamma, beta);

    private static Create Instance(int channels, double epsilon, double newWeight) =>
        (gamma, beta) => new InstanceNorm(channels, epsilon, Momentum.NewWeight(newWeight), gamma, beta, trackRunningStatistics: true);

    private static Create Group(int groups, int channels, double epsilon = 1e-5) => (gamma, beta) => new GroupNorm(groups, channels, epsilon, gamma, beta);

    private static Create Layer(double epsilon, params int[] normalizedShape) => (gamma, beta) => new LayerNorm(new Shape(normalizedShape), epsilon, gamma, beta);

    [return: NotNullIfNotNull(nameof(values))]
    private static float[]? Fill(float[]? values, double low, double high, int seed)
    {
        RandomSource random = new((ulong)seed);
        for (int i = 0; i < values?.Length; i++)
        {
            values[i] = (float)random.NextDouble(low, high);
        }

        return values;
    }

    /// <summary>An input of a test: where it is from, the layer, its shape and the range that x is from.</summary>
    public sealed record Sample(string Source, Create Create, Shape Shape, double Low = -9, double High = 9)
    {
        /// <summary>The ranges that running mean and variance are from; null for ranges beside x's.</summary>
        public ((double Low, double High) Mean, (double Low, double High) Variance)? Running { get; init; }

        public override string ToString() => $"{Source} {Shape}";
    }
}
