using System.Reflection;
using NormLayers.Tests.Conformance;
using NormLayers.Tests.Exchange;
using NormLayers.Tests.Sabotage;
using NormLayers.Verification;

namespace NormLayers.Tests.Docs;

/// <summary>The numbers of cases on the page of verification are those that the tests have.</summary>
public sealed class VerificationPageTests
{
    [Fact]
    public void Page_NumbersOfCases_AreThoseOfTheTests()
    {
        string page = string.Join('\n', RepositoryFiles.ReadLines("docs/verification.md"));
        int hostile = SafetensorsReaderTests.Hostile.Count
            + typeof(SafetensorsReaderTests).GetMethod(nameof(SafetensorsReaderTests.Reader_HostileBytes_SaysWhatIsWrong))!.GetCustomAttributes<InlineDataAttribute>().Count();
        Assert.All(
            (string[])
            [
                $"{LibtorchTests.BatchNormCases.Count} cases of batch normalization, {LibtorchTests.LayerNormCases.Count} of layer normalization, {Of(RmsNormConformanceTests.Cases, "libtorch")} of RMS normalization",
                $"libtorch 2.10 ({NormReferenceConformanceTests.Libtorch.Count} cases, forward and backward), ONNX ({NormReferenceConformanceTests.Onnx.Count}, without LRN), the tests of seven other projects ({NormReferenceConformanceTests.Literals.Count})",
                $"ONNX operator tests ({OnnxTests.BatchNormCases.Count} + {OnnxTests.LayerNormCases.Count} + {Of(RmsNormConformanceTests.Cases, "onnx")} cases)",
                $"PyTorch ({LiteralTests.BatchNormCases.Count} + {LiteralTests.LayerNormCases.Count} + {Of(RmsNormConformanceTests.Cases, "literals")} cases)",
                $"libtorch 2.10 in float64 ({Of(GroupNormConformanceTests.Cases, "libtorch")} cases, forward and backward), ONNX ({Of(GroupNormConformanceTests.Cases, "onnx")}), the tests of burn, candle, Keras, MLX, ONNX Runtime and PyTorch ({Of(GroupNormConformanceTests.Cases, "literals")})",
                $"ONNX operator tests ({Of(FormsConformanceTests.ResponseCases, "onnx")} LRN, {Of(FormsConformanceTests.LengthCases, "onnx")} LpNormalization), the tests of burn ({Of(FormsConformanceTests.ResponseCases, "literals")})",
                $"{FormFaultTests.Faults.Count} wrong variants of the references",
                $"{BatchVariantSabotageTests.GhostFaults.Count + BatchVariantSabotageTests.RenormFaults.Count} wrong variants, by name",
                $"| {LibtorchTrainingTests.Cases.Count} training runs",
                $"every layer on {LayerCase.All.Count} cases",
                $"{LayerCheckSabotageTests.Faults.Count} wrong lines",
                $"{SabotageTests.OneFault.Count} wrong normalizations, one fault each ({Faults.All.Count} kinds",
                $"{hostile} hostile ones",
            ],
            phrase => Assert.Contains(phrase, page, StringComparison.Ordinal));
    }

    private static int Of(TheoryData<string, string> cases, string suite) => cases.Count(c => c.Data.Item1 == suite);
}
