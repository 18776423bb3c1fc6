using System.Globalization;
using NormLayers.Lab.Charts;
using NormLayers.Numerics;

namespace NormLayers.Lab.Experiments;

/// <summary>What normalizing before or after a residual block does to activations and gradients at initialization.</summary>
internal sealed class PreVersusPostLayerNorm : IExperiment
{
    private const int Shallow = 6;
    private const int Deep = 24;
    private const double Tolerance = 0.1;

    public string Name => "pre-vs-post-ln";

    public string Paper => "Xiong et al. 2020, arXiv 2002.04745, Lemma 2 and Theorem 1";

    public string Claim => "Layer normalization after each residual block keeps activations and the last block's gradient the same at any depth; before it, activations grow with the layer and that gradient falls with the root of the depth.";

    public double Cost => 2;

    public bool Exact => true;

    /// <summary>E‖x‖²/width where block <paramref name="block"/>, from 1, adds.</summary>
    public static double Theory(bool normalizesFirst, int block) => normalizesFirst ? 1 + block / 2.0 : 1.5;

    /// <summary>The root of the expected squared norm of one sample's gradient in the second matrix of block <paramref name="block"/>, from 1, for wide layers and many classes.</summary>
    public static double SampleGradientTheory(bool normalizesFirst, int block) => Math.Sqrt(ResidualStack.Width / 2.0 / Theory(normalizesFirst, block));

    public ExperimentResult Run(ExperimentContext context)
    {
        int seeds = context.Full ? 25 : 5;
        (bool First, int Depth)[] settings = [(false, Shallow), (false, Deep), (true, Shallow), (true, Deep)];
        IReadOnlyList<Stack> stacks = context.RunAll(
            settings, s => seeds * s.Depth, (s, _) => Measure(s.First, s.Depth, seeds, context),
            ["last ‖x‖²/width", "last gradient"], (s, r) => new ExperimentRow($"{(s.First ? "before" : "after")}, {s.Depth} blocks", [r.Squares[^1], r.Gradients[^1]]));
        Stack post = stacks[1];
        Stack pre = stacks[3];
        double postRatio = stacks[0].Gradients[^1] / post.Gradients[^1];
        double preRatio = stacks[2].Gradients[^1] / pre.Gradients[^1];
        double expected = Math.Sqrt(Deep / (double)Shallow);
        double[] blocks = [.. Enumerable.Range(1, Deep).Select(l => (double)l)];
        return ExperimentResult.From(
            this,
            context,
            [
                $"Blocks x + W2·ReLU(W1·x) of width {ResidualStack.Width} with Xavier weights, as a mean over {seeds} networks. Normalized after each block, the stream has 3/2 in every one, and the last block's gradient does not know the depth. " +
                "Normalized before, the stream grows by 1/2 a block, and the last normalization divides by its root.",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The bounds were set before the first run: from {Shallow} to {Deep} blocks the gradient of the mean loss falls by the root of the depths' ratio, {expected:F2}, within 10 %. It falls by {preRatio:F2}. The theorem is an upper bound for great depths, where 1 + L/2 and L/2 are nearly the same; at these depths they are not."),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Worked out after that was seen, and not judged: the squared gradient of one sample's loss is width/2 over ‖x‖²/width. From {Shallow} to {Deep} blocks its root falls by {SampleGradientTheory(true, Shallow) / SampleGradientTheory(true, Deep):F2}; measured {stacks[2].SampleGradients[^1] / pre.SampleGradients[^1]:F2}."),
                "Not reproduced without attention: that gradients grow towards the output in a network normalized after each block (Fig. 3). Here they are flat; normalized before, they grow towards the input.",
            ],
            new(
                ["expected, after", "measured, after", "expected, before", "measured, before"],
                [
                    .. ((int[])[1, 4, 8, 12, 16, 20, 24]).Select(l => new ExperimentRow($"‖x‖²/width, block {l}", [Theory(false, l), post.Squares[l - 1], Theory(true, l), pre.Squares[l - 1]])),
                    .. ((int[])[1, 12, 24]).Select(l => new ExperimentRow($"one sample's ‖dW2‖, block {l}", [SampleGradientTheory(false, l), post.SampleGradients[l - 1], SampleGradientTheory(true, l), pre.SampleGradients[l - 1]])),
                ]),
            [
                .. Bounds("after", post),
                .. Bounds("before", pre),
                new($"after: last gradient, {Shallow} over {Deep} blocks", postRatio, 1 - Tolerance, 1 + Tolerance),
                new($"before: the same, over the root of {Deep}/{Shallow}", preRatio / expected, 1 - Tolerance, 1 + Tolerance),
            ],
            [
                new LineChart
                {
                    Title = "Squared activations by block",
                    Words = "What leaves each block's addition. Two straight lines, as the closed forms say.",
                    X = new Axis("block"),
                    Y = new Axis("‖x‖²/width") { Minimum = 0 },
                    Series =
                    [
                        new Series("normalized after", blocks, post.Squares) { Style = SeriesStyle.At(0) },
                        new Series("normalized before", blocks, pre.Squares) { Style = SeriesStyle.At(1) },
                        new Series("1 + l/2", blocks, [.. blocks.Select(l => Theory(true, (int)l))]) { Style = SeriesStyle.Gray },
                    ],
                },
                new LineChart
                {
                    Title = "Gradient of each block's second matrix, one sample's loss",
                    Words = "Flat if normalized after; if normalized before, smaller the nearer to the output, where the stream is largest. In gray the closed form.",
                    X = new Axis("block"),
                    Y = new Axis("norm of the gradient") { Minimum = 0 },
                    Series =
                    [
                        new Series("normalized after", blocks, post.SampleGradients) { Style = SeriesStyle.At(0) },
                        new Series("normalized before", blocks, pre.SampleGradients) { Style = SeriesStyle.At(1) },
                        new Series("closed form, after", blocks, [.. blocks.Select(l => SampleGradientTheory(false, (int)l))]) { Style = SeriesStyle.Gray },
                        new Series("closed form, before", blocks, [.. blocks.Select(l => SampleGradientTheory(true, (int)l))]) { Style = SeriesStyle.Gray },
                    ],
                },
            ]);
    }

    private static IEnumerable<Assertion> Bounds(string name, Stack stack)
    {
        double[] ratios = [.. stack.Squares.Select((s, l) => s / Theory(stack.NormalizesFirst, l + 1))];
        yield return new($"{name}: smallest measured over expected ‖x‖²", ratios.Min(), 1 - Tolerance, 1 + Tolerance);
        yield return new($"{name}: largest measured over expected ‖x‖²", ratios.Max(), 1 - Tolerance, 1 + Tolerance);
    }

    private static Stack Measure(bool normalizesFirst, int depth, int seeds, ExperimentContext context)
    {
        double[] squares = new double[depth];
        double[] gradients = new double[depth];
        double[] sampleGradients = new double[depth];
        for (int s = 0; s < seeds; s++)
        {
            context.CancellationToken.ThrowIfCancellationRequested();
            ResidualStack stack = new(depth, normalizesFirst, new RandomSource(context.Seed + (ulong)s));
            for (int l = 0; l < depth; l++)
            {
                squares[l] += stack.SquaredNorm(l) / seeds;
                gradients[l] += stack.GradientNorm(l) / seeds;
                sampleGradients[l] += stack.SquaredSampleGradient(l) / seeds;
            }
        }

        return new(normalizesFirst, squares, gradients, Array.ConvertAll(sampleGradients, Math.Sqrt));
    }

    private sealed record Stack(bool NormalizesFirst, double[] Squares, double[] Gradients, double[] SampleGradients);
}
