using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using NormLayers.Tests.Docs;
using NormLayers.Tests.Layers;
using NormLayers.Tests.Rms;

namespace NormLayers.Tests.Conformance;

/// <summary>docs/conformance.md says what the layers give on the outside suites today.</summary>
public sealed class ConformancePageTests
{
    private const string Introduction =
        """
        # Conformance

        How close the layers are to results that this library did not compute. Libtorch computed some on random inputs; others are in the node tests of ONNX and in the tests of other projects. A test writes this page from its run; do not edit it. To write it again:
        `UPDATE_SNAPSHOTS=1 dotnet test --project tests/NormLayers.Tests -c Release --filter-class NormLayers.Tests.Conformance.ConformancePageTests`

        To run these tests alone: `dotnet test --project tests/NormLayers.Tests -c Release --filter-namespace NormLayers.Tests.Conformance`

        ## The suites

        | suite | what it is | version | licence | what is allowed |
        |---|---|---|---|---|
        | libtorch | outputs, gradients and running statistics in float64 from float32 inputs, with a random upstream gradient; six trainings | libtorch 2.10 through TorchSharp, seed 20261122 | none: numbers written for this project | 4 ulp for y and dx, 2 for sums, and [the rounding of float64](verification.md#float-results) |
        | onnx | the backend node tests of ONNX, forward, in float32 | onnx/onnx at 6be0677fc22e | Apache-2.0 | 2·10⁻⁶ + 10⁻⁶ of the value |
        | literals | numbers in the tests of burn, burn-onnx, candle, Keras, MLX, ONNX Runtime and PyTorch | the commit is with each case | MIT, Apache-2.0, BSD-3-Clause | the precision that each was printed with |

        The cases, their changes and licences: [MANIFEST.md](../tests/NormLayers.Tests/Conformance/Cases/MANIFEST.md). A test runs each through the float layer, and another through the references in double.

        ## What came of them

        | column | meaning |
        |---|---|
        | suite | where the expected results come from, as above; "literals" are numbers written out in a test's source |
        | layer | the layer of this library that runs the cases; "none" where it has none for the operator, and why |
        | cases | sets of inputs and options |
        | outputs | tensors that are compared: y, dx, dγ, dβ, a statistic, or y in evaluation after a step of training |
        | values | numbers that are compared in these tensors |
        | worst error | the largest error of all values, as a share of what is allowed for it: 1 is the bound |

        The layers give the same bits at every vector width, and this page is compared at each: an error that grows within what is allowed changes it.


        """;

    private static readonly string[][] s_reports =
    [
        ["pytorch#51102", "a mean of 2000 at a deviation of 1", By(nameof(SampleTests.Passes_Input_MatchTheReference))],
        ["pytorch#40302, #40307", "1024 rows of 32,768 values of 100 ± 0.01", By(nameof(SampleTests.Forward_ManyElements_AreThoseOfTwoPassesInDouble))],
        ["pytorch#59987", "one row of 75 million values", By(nameof(SampleTests.Forward_ManyElements_AreThoseOfTwoPassesInDouble))],
        ["onnxruntime#28463", "40000 to 40003, and 80000 to 80003", By(nameof(LayerNormNumericsTests.Forward_FourConsecutiveNumbersFarOut_AreOneAndTwoThirdsOfTheirSpread))],
        ["pytorch#5410", "constant channels up to 10¹⁰ and beyond", By(nameof(BatchNormNumericsTests.Forward_ConstantChannel_IsExactlyBeta))],
        ["pytorch#98075", "rows of one element, weight 10¹⁰", By(nameof(LayerNormNumericsTests.ForwardAndBackward_OneElementRows_GiveExactlyBetaAndNoGradient))],
        ["pytorch#108072", "constant rows of 2 and of 14", By(nameof(LayerNormNumericsTests.Forward_ConstantRow_IsExactlyBeta))],
        ["pytorch#162489, #178123", "values of ±10³⁰ in batch, layer, group and instance normalization", By(nameof(SampleTests.Passes_Input_MatchTheReference))],
        ["pytorch#1381, Flux.jl#1992", "one value a channel in training", By(nameof(BatchNormErrorTests.Forward_OneValuePerChannelInTraining_SaysSo))],
        ["pytorch#12013", "an empty batch of (0, 5, 9)", By(nameof(BehaviourTests.Passes_Empty_GiveZerosForGradientsAndLeaveTheStatistics))],
        ["pytorch#106605", "a negative running variance", By(nameof(RunningVarianceTests.Forward_SpreadOfNoData_IsRefusedBeforeAnythingIsWritten))],
        ["pytorch#100970", "a weight of shape (3, 1, 1, 1)", By(nameof(ErrorTests.Call_WrongInput_IsRefusedWithWhatWasExpectedAndWhatCame))],
    ];

    private static readonly string[][] s_behaviours =
    [
        ["batchnorm_simple_average", By(nameof(RunningStatisticsTests.Forward_Cumulative_IsTheMeanOfTheBatchesSinceTheReset))],
        ["batchnorm_update_stats, batchnorm_eval", By(nameof(BehaviourTests.BatchNorm_Evaluation_IsTheSameTwiceAndAsTrainingIfNothingIsTracked))],
        ["batchnorm_affine", By(nameof(BatchNorm1DTests.Constructor_OptionalParameters_AreThereOrNot))],
        ["BatchNorm_empty, GroupNorm_empty, LocalResponseNorm_empty", By(nameof(BehaviourTests.Passes_Empty_GiveZerosForGradientsAndLeaveTheStatistics))],
        ["batchnorm_load_state_dict", By(nameof(BehaviourTests.BatchNorm_FileWithoutCounter_LeavesItAndSaysSo))],
        ["batchnorm_grad", By(nameof(SampleTests.Passes_NumbersOfBatchnormGrad_MatchTheReference))],
        ["batchnorm_large_batch, batchnorm_nhwc (shapes), test_mps, layer_norm_backwards_eps", By(nameof(SampleTests.Passes_Input_MatchTheReference))],
        ["batch_norm_backward", By(nameof(BehaviourTests.BatchNorm_BehindAnotherWithFrozenParameters_GivesTheSameGradient))],
        ["layer_norm_eps", By(nameof(LayerNormNumericsTests.Forward_ConstantRow_IsExactlyBeta))],
        ["layernorm_weight_bias", By(nameof(LayerNorm1DTests.Constructor_OptionalParameters_AreThereOrNot))],
        ["LayerNorm_general", By(nameof(SampleTests.Forward_LayerNormGeneral_HasMeanBetaAndVarianceGammaSquared))],
        ["LayerNorm_numeric, GroupNorm_numeric", By(nameof(SampleTests.Forward_ManyElements_AreThoseOfTwoPassesInDouble))],
        ["rmsnorm_epsilon", By(nameof(RmsNormSuiteTests.Passes_InputOfTheSuite_MatchTheReference))],
        ["GroupNorm_general, groupnorm_nhwc (shapes)", By(nameof(GroupNormTests.Passes_Sample_MatchTheReference))],
        ["InstanceNorm_general", By(nameof(InstanceNormTests.Evaluation_ShiftedByStandardDeviations_MovesTheOutputByAsMany))],
    ];

    private static readonly string[] s_without =
    [
        "types other than float: half and double tensors, mixed types, sums that overflow half",
        "views and memory formats: spans are dense, and tensors that are not are refused",
        "gradients of gradients and forward-mode differentiation",
        "layers that infer their channels at the first call, and a switch that turns tracking off later (`FreezeStatistics` is another thing)",
        "an instance normalization that is given running statistics of which one is missing: the layer owns both",
    ];

    [Fact]
    public void ConformanceMd_OfThisRun_IsCurrent()
    {
        string written = Introduction + Results() + Inputs() + Differences()
            + Table("Behaviour", ["PyTorch's test", "held by the test"], s_behaviours)
            + Table("Bug reports", ["report and input", "held by the test"], s_reports.Select(r => (string[])[$"{r[0]}: {r[1]}", r[2]]))
            + "## What has no counterpart here\n\n" + string.Concat(s_without.Select(w => $"- {w}\n"));
        string file = Path.Combine(RepositoryFiles.Root, "docs", "conformance.md");
        if (Environment.GetEnvironmentVariable("UPDATE_SNAPSHOTS") == "1")
        {
            File.WriteAllText(file, written);
        }

        Assert.Equal(written.Split('\n'), File.ReadAllText(file).Split('\n'));
    }

    private static string Results()
    {
        List<string[]> rows = [];
        foreach (IGrouping<string, ConformanceCase> suite in ConformanceCase.All.GroupBy(c => c.Suite))
        {
            ILookup<bool, ConformanceCase> isLayer = suite.ToLookup(c => CaseLayer.WhyNone(c) is null);
            rows.AddRange(isLayer[true].GroupBy(CaseLayer.NameOf).Select(layer => Result(suite.Key, layer.Key, [.. layer])));
            rows.AddRange(isLayer[false].Select(c => (string[])[suite.Key, $"none, `{c.Name}`: {CaseLayer.WhyNone(c)}", "1", "", "", ""]));
            rows.Add([.. Result(suite.Key, "all", [.. isLayer[true]]).Select((cell, i) => $"**{(i == 2 ? $"{suite.Count()}" : cell)}**")]);
        }

        return Table(null, ["suite", "layer", "cases", "outputs", "values", "worst error"], rows)
            + "ONNX's MeanVarianceNormalization is batch normalization without running statistics, γ and β, with ε = 0. Its LpNormalization with p = 2 is ScaleNorm with g = 1. A training is of Linear, batch, layer or no normalization, ReLU and Linear.\n\n";
    }

    private static string[] Result(string suite, string layer, ConformanceCase[] cases)
    {
        CaseOutput[] outputs = [.. cases.SelectMany(CaseLayer.Outputs)];
        string worst = outputs.Max(o => o.WorstShare()).ToString("0.00", CultureInfo.InvariantCulture);
        return [suite, layer, $"{cases.Length}", $"{outputs.Length}", $"{outputs.Sum(o => o.Expected.Length)}", worst];
    }

    private static string Inputs()
    {
        IEnumerable<string> samples = SampleTests.Inputs.Select(i => i.Data.Create(true, true) is BatchNorm ? nameof(BatchNorm) : i.Data.Create(true, true).GetType().Name)
            .Concat(SampleTests.LocalResponses.Select(_ => nameof(LocalResponseNorm)))
            .Concat(GroupNormTests.Samples.Select(_ => nameof(GroupNorm)))
            .Concat(InstanceNormTests.Samples.Select(_ => nameof(InstanceNorm)))
            .Concat(typeof(RmsNormSuiteTests).GetMethod(nameof(RmsNormSuiteTests.Passes_InputOfTheSuite_MatchTheReference))!.GetCustomAttributes<InlineDataAttribute>().Select(_ => nameof(RmsNorm)));
        ILookup<string, ErrorTests.WrongInput> errors = ErrorTests.Inputs.Select(e => e.Data).ToLookup(e => e.Layer);
        return Table(
            "Inputs of other projects' tests",
            ["layer", "compared with the reference", "refused, as by PyTorch", "refused here alone"],
            samples.GroupBy(s => s).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => (string[])
                [g.Key, $"{g.Count()}", $"{errors[g.Key].Count(e => e.InPyTorch.Length == 0)}", $"{errors[g.Key].Count(e => e.InPyTorch.Length > 0)}"]))
            + "The second column counts inputs on which the float layer is compared with the reference in double. The last two count inputs that must be refused with an error: by PyTorch too, and by this library alone.\n\nThe inputs are the samples of PyTorch's tests, bug reports and, for RMS normalization, samples of MLX, ggml, tinygrad, quack and candle too. Each has a random upstream gradient. They are in `Conformance/SampleTests`, `Layers/` and `Rms/`, the wrong inputs in `Conformance/ErrorTests`.\n\n";
    }

    private static string Differences() => Table(
        "Where we differ on purpose",
        ["layer", "input", "here", "PyTorch"],
        ErrorTests.Inputs.Select(e => e.Data).Where(e => e.InPyTorch.Length > 0).GroupBy(e => (e.What, e.Expected, e.InPyTorch)).Select(same => (string[])
            [string.Join(", ", same.Select(e => e.Layer)), same.Key.What, $"an error: expected {same.Key.Expected}", same.Key.InPyTorch]))
        + "An empty batch is a pass of nothing everywhere, also where PyTorch makes it an error. Defaults and meanings that differ are in [conventions](conventions.md).\n\n";

    // The class and method of a test that is there, nameof(Class.Method), on a line each: no table is wide enough for both.
    private static string By(string method, [CallerArgumentExpression(nameof(method))] string expression = "") =>
        $"`{expression["nameof(".Length..^(method.Length + 2)]}`<br>`{method}`";

    private static string Table(string? title, string[] header, IEnumerable<string[]> rows) =>
        (title is null ? "" : $"## {title}\n\n") + Row(header) + Row([.. header.Select(_ => "---")]) + string.Concat(rows.Select(Row)) + "\n";

    private static string Row(string[] cells) => $"| {string.Join(" | ", cells)} |\n";
}
