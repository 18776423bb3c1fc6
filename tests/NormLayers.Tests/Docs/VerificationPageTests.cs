using System.Reflection;
using NormLayers.Tests.Conformance;
using NormLayers.Tests.Exchange;
using NormLayers.Tests.Sabotage;
using NormLayers.Verification;

namespace NormLayers.Tests.Docs;

/// <summary>The numbers of cases on the page of verification are those that the tests have.</summary>
[Trait("Width", "any")]
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
                $"libtorch 2.10 in float64 ({Of("libtorch")} cases: ",
                $"ONNX's operator tests ({Of("onnx")}), numbers of the tests of seven other projects ({Of("literals")})",
                $"{FormFaultTests.Faults.Count} wrong variants of the references",
                $"{BatchVariantSabotageTests.GhostFaults.Count + BatchVariantSabotageTests.RenormFaults.Count} wrong variants, by name",
                $"{AdaptiveSabotageTests.Faults.Count} wrong variants, by name | `Layers/AdaptiveLayerNormTests`",
                $"every layer on {LayerCase.All.Count} cases",
                $"one of {LayerCheckSabotageTests.Faults.Count} wrong lines",
                $"{SabotageTests.OneFault.Count} wrong normalizations, one fault each ({Faults.All.Count} kinds",
                $"{hostile} hostile ones",
            ],
            phrase => Assert.Contains(phrase, page, StringComparison.Ordinal));
    }

    private static int Of(string suite) => ConformanceTests.Cases.Count(c => c.Data.Item1 == suite);
}
