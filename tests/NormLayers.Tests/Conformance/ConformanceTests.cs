namespace NormLayers.Tests.Conformance;

/// <summary>Every case of the outside suites: the float layer, both passes, and the references in double.</summary>
public sealed class ConformanceTests
{
    public static TheoryData<string, string> Cases => [.. ConformanceCase.All.Where(c => CaseLayer.WhyNone(c) is null).Select(c => (c.Suite, c.Name))];

    public static TheoryData<string, string> LayerCases => [.. Cases.Where(c => !c.Data.Item2.StartsWith("Training", StringComparison.Ordinal)).Select(c => c.Data)];

    [Fact]
    public void Suites_Cases_AreAllRun()
    {
        Assert.Equal(["libtorch 138", "onnx 60", "literals 51"], ConformanceCase.All.GroupBy(c => c.Suite).Select(g => $"{g.Key} {g.Count()}"));
        Assert.Equal(["libtorch 138", "onnx 57", "literals 51"], Cases.GroupBy(c => c.Data.Item1).Select(g => $"{g.Key} {g.Count()}"));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Layer_Case_GivesEveryOutput(string suite, string name)
    {
        foreach (CaseOutput output in CaseLayer.Outputs(ConformanceCase.Find(suite, name)))
        {
            output.Check();
        }
    }

    [Theory]
    [Trait("Width", "any")]
    [MemberData(nameof(LayerCases))]
    public void References_Case_GiveTheOutputs(string suite, string name)
    {
        CaseOutput[] outputs = [.. CaseLayer.OutputsOfReferences(ConformanceCase.Find(suite, name))];
        Assert.Contains(outputs, o => o.Name == "y");
        foreach (CaseOutput output in outputs)
        {
            output.Check();
        }
    }
}
