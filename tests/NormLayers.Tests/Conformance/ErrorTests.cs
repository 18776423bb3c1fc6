using NormLayers.Tests.Exchange;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>What PyTorch's own tests expect to be refused is refused here, with what was expected and what came; and what is taken there and refused here, on purpose.</summary>
[Trait("Width", "any")]
public sealed class ErrorTests
{
    private static readonly float[] s_ten = new float[10];
    private static readonly float[] s_twenty = new float[20];

    private static readonly WrongInput[] s_inputs =
    [
        new("BatchNorm", "1-D input", Pass(new BatchNorm1D(5), 5), "a shape (N, 5) or (N, 5, L)", "(5)"),
        new("BatchNorm", "4-D input, 1d", Pass(new BatchNorm1D(5), (2, 5, 3, 3)), "a shape (N, 5) or (N, 5, L)", "(2, 5, 3, 3)"),
        new("BatchNorm", "3-D input, 2d", Pass(new BatchNorm2D(5), (2, 5, 3)), "a shape (N, 5, H, W)", "(2, 5, 3)"),
        new("BatchNorm", "4-D input, 3d", Pass(new BatchNorm3D(5), (2, 5, 3, 3)), "a shape (N, 5, D, H, W)", "(2, 5, 3, 3)"),
        new("BatchNorm", "no channels", Pass(new BatchNorm(1), 0), "a shape (N, 1, …)", "(0)"),
        new("BatchNorm", "one value a channel", Pass(new BatchNorm1D(5), (1, 5)), "more than 1 value per channel", "shape (1, 5)"),
        new("BatchNorm", "one value a channel", Pass(new BatchNorm1D(5), (1, 5, 1)), "more than 1 value per channel", "shape (1, 5, 1)"),
        new("BatchNorm", "one value a channel, evaluation without running statistics", Pass(new BatchNorm1D(5, trackRunningStatistics: false) { Training = false }, (1, 5)), "more than 1 value per channel", "shape (1, 5)"),
        .. from wrong in (int[])[9, 11] from argument in (string[])["mean", "variance", "gamma", "beta"] select
            new WrongInput("BatchNorm", $"{argument} of {wrong} for 10 channels", () => Evaluate(argument, new float[wrong]), "10 elements", $"{wrong}"),
        .. from argument in (string[])["mean", "variance"] select
            new WrongInput("BatchNorm", $"evaluation without {argument}", () => Evaluate(argument, []), "10 elements", "0"),
        new("BatchNorm", "weight of shape (3, 1, 1, 1), pytorch#100970", LoadWideWeight, "shape (3) of 'weight'", "F32 'weight' [3, 1, 1, 1]"),
        new("LayerNorm", "no normalized dimensions", () => _ = new LayerNorm(default), "one dimension or more, each ≥ 1", "()"),
        new("LayerNorm", "weight of 2 for 6 elements", () => Functional.LayerNorm(new float[6], 6, new float[2], Functional.Zeros, 1e-5, new float[6]), "6 elements, or Functional.Ones for none", "2"),
        new("LayerNorm", "bias of 2 for 6 elements", () => Functional.LayerNorm(new float[6], 6, Functional.Ones, new float[2], 1e-5, new float[6]), "6 elements, or Functional.Zeros for none", "2"),
        .. from shapes in ((Shape Normalized, Shape Input)[])[((2, 2), (2, 2, 3)), ((2, 3), 3), (2, (1, 2, 3)), (10, (2, 3))] select
            new WrongInput("LayerNorm", $"{shapes.Input} over {shapes.Normalized}", Pass(new LayerNorm(shapes.Normalized), shapes.Input), $"a shape whose last dimensions are {shapes.Normalized}", $"{shapes.Input}"),
        new("RmsNorm", "no normalized dimensions", () => _ = new RmsNorm(0), "a number ≥ 1", "0"),
        new("RmsNorm", "weight of 2 for 6 elements", () => Functional.RmsNorm(new float[6], 6, new float[2], 1e-5, new float[6]), "6 elements, or Functional.Ones for none", "2"),
        new("RmsNorm", "(2, 2, 3) over 2", Pass(new RmsNorm(2), (2, 2, 3)), "a shape whose last dimension is 2", "(2, 2, 3)"),
        new("GroupNorm", "1-D input", Pass(new GroupNorm(2, 4), 4), "a shape (N, 4, …)", "(4)"),
        new("GroupNorm", "(2, 7, 4) in 2 groups", () => Functional.GroupNorm(new float[56], (2, 7, 4), 2, Functional.Ones, Functional.Zeros, 1e-5, new float[56], new NormStatistics()), "a number of groups that divides the 7 channels", "2"),
        .. from sizes in ((int Channels, int Groups)[])[(2, 3), (3, 2), (1, 10), (6, 4)] select
            new WrongInput("GroupNorm", $"{sizes.Channels} channels in {sizes.Groups} groups", () => _ = new GroupNorm(sizes.Groups, sizes.Channels), $"a number of groups that divides the {sizes.Channels} channels", $"{sizes.Groups}"),
        .. from groups in (int[])[0, -1] select new WrongInput("GroupNorm", $"{groups} groups", () => _ = new GroupNorm(groups, 4), "a number ≥ 1", $"{groups}"),
        new("GroupNorm", "one value a group", Pass(new GroupNorm(10, 10), (1, 10, 1)), "more than 1 value per group", "shape (1, 10, 1) with 10 groups"),
        new("GroupNorm", "weight of 5 for 6 channels", () => Functional.GroupNorm(new float[12], (2, 6), 2, new float[5], Functional.Zeros, 1e-5, new float[12], new NormStatistics()), "6 elements, or Functional.Ones for none", "5"),
        new("InstanceNorm", "2 channels for 4", Pass(new InstanceNorm(4, withGamma: true, withBeta: true), (3, 2, 5)), "a shape (N, 4, …)", "(3, 2, 5)"),
        new("InstanceNorm", "2 channels for 4, no batch dimension", Pass(new InstanceNorm(4, withGamma: true, withBeta: true), (2, 5)), "a shape (N, 4, …)", "(2, 5)"),
        .. from shape in (Shape[])[(1, 10, 1), (1, 10, 1, 1), new Shape(1, 10, 1, 1, 1)] select
            new WrongInput("InstanceNorm", "one position", Pass(new InstanceNorm(10, trackRunningStatistics: true), shape), "more than 1 position per channel", $"shape {shape}"),

        .. from momentum in (double[])[-1.2, -1] select
            new WrongInput("BatchNorm", $"momentum {Text(momentum)}", () => _ = new BatchNorm(2, momentum: Momentum.NewWeight(momentum)), "a weight from 0 to 1", Text(momentum), "taken: the running statistics leave the range of the batches'"),
        .. from layer in ((string Name, Action<double> Create)[])
            [
                ("LayerNorm", e => _ = new LayerNorm(3, e)), ("RmsNorm", e => _ = new RmsNorm(3, e)), ("GroupNorm", e => _ = new GroupNorm(2, 6, e)),
                ("InstanceNorm", e => _ = new InstanceNorm(3, e)), ("BatchNorm", e => _ = new BatchNorm(3, e)),
            ]
           select new WrongInput(layer.Name, "ε -0.5", () => layer.Create(-0.5), "a finite number ≥ 0", "-0.5", "taken: NaN where σ² or the mean square is below 0.5"),
        new("BatchNorm", "evaluation with a running variance of -2, pytorch#106605", EvaluateNegativeVariance, "running variances ≥ 0", "-2 in channel 1", "taken: NaN in that channel"),
        new("BatchNorm", "file without num_batches_tracked", () => new BatchNorm1D(1).Load(new MemoryStream(BehaviourTests.FileWithoutCounter)), "a tensor for every part of the layer", "none for 'num_batches_tracked'", "taken in an old version's file: the counter is 0"),
        new("GroupNorm", "one value a group, more than one sample", Pass(new GroupNorm(10, 10), (2, 10, 1)), "more than 1 value per group", "shape (2, 10, 1) with 10 groups", "taken: y is β for every x"),
        new("InstanceNorm", "2 channels for 4, no γ and β", Pass(new InstanceNorm(4), (3, 2, 5)), "a shape (N, 4, …)", "(3, 2, 5)", "a warning"),
        new("InstanceNorm", "no batch dimension", Pass(new InstanceNorm(3), (3, 15)), "a shape (N, 3, …)", "(3, 15)", "taken as one sample"),
        new("LayerNorm", "2.3 · 10⁹ elements", () => _ = new Shape(16, 3000, 3000, 16), "at most 2147483647 elements", "more, from dimension 3 on", "taken"),
    ];

    public static TheoryData<WrongInput> Inputs => [.. s_inputs];

    [Theory]
    [MemberData(nameof(Inputs))]
    public void Call_WrongInput_IsRefusedWithWhatWasExpectedAndWhatCame(WrongInput input)
    {
        Exception error = Assert.ThrowsAny<Exception>(input.Call);
        Assert.True(error is ArgumentException or InvalidOperationException or InvalidDataException, $"{error}");
        Assert.Matches($@"(?i)\bexpected {System.Text.RegularExpressions.Regex.Escape(input.Expected)}.*, got {System.Text.RegularExpressions.Regex.Escape(input.Got)}(\W|$)", error.Message);
    }

    private static Action Pass(Layer layer, Shape shape) => () => layer.Forward(new float[shape.Length], shape, new float[shape.Length]);

    private static void Evaluate(string argument, float[] values) => Functional.BatchNorm(
        s_twenty,
        (2, 10),
        argument == "mean" ? values : s_ten,
        argument == "variance" ? values : s_ten,
        argument == "gamma" ? values : Functional.Ones,
        argument == "beta" ? values : Functional.Zeros,
        1e-5,
        new float[20]);

    private static void LoadWideWeight() => new BatchNorm1D(3).Load(
        new MemoryStream(SafetensorsBytes.File("""{"weight":{"dtype":"F32","shape":[3,1,1,1],"data_offsets":[0,12]}}""", new byte[12])), strict: false);

    private static void EvaluateNegativeVariance()
    {
        BatchNorm1D layer = new(3) { Training = false };
        layer.Running!.Variance[1] = -2;
        Samples.Forward(layer, new float[6], (2, 3));
    }

    private static string Text(double number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>A call that must fail, and with which words.</summary>
    /// <param name="Layer">The layer.</param>
    /// <param name="What">What is wrong with it.</param>
    /// <param name="Call">The call.</param>
    /// <param name="Expected">What the message says was expected.</param>
    /// <param name="Got">What it says came.</param>
    /// <param name="InPyTorch">What PyTorch does, where that is not an error too.</param>
    public sealed record WrongInput(string Layer, string What, Action Call, string Expected, string Got, string InPyTorch = "")
    {
        public override string ToString() => $"{Layer}: {What}";
    }
}
