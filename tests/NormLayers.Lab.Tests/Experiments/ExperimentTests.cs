using NormLayers.Lab.Experiments;
using NormLayers.Tests.Docs;

namespace NormLayers.Lab.Tests.Experiments;

public sealed class ExperimentTests
{
    // The others take twenty seconds or more where the multiply-add is computed in software.
    public static TheoryData<string> NamesByDuration =>
        [.. ExperimentCatalog.All.Select(e => new TheoryDataRow<string>(e.Name).WithTrait("Duration", e.Name == "invariances" ? "short" : "long"))];

    [Theory]
    [MemberData(nameof(NamesByDuration))]
    public void Run_DefaultsOnShippedData_GivesWhatIsRecorded(string name)
    {
        IExperiment experiment = ExperimentCatalog.All.Single(e => e.Name == name);
        ExperimentContext context = new(CancellationToken: TestContext.Current.CancellationToken);
        if (experiment.UsesImages)
        {
            context = context with { Images = ImageData.Load(ImageData.ShippedName, context.Seed) };
        }

        ExperimentResult result = experiment.Run(context);

        Assert.NotEmpty(result.Assertions);
        Assert.NotEmpty(result.Charts);
        string path = Path.Combine(RepositoryFiles.Root, "src", "NormLayers.Lab", "Experiments", "Record", name + ".json");
        string record = ExperimentRecord.From(result).ToJson();
        if (Environment.GetEnvironmentVariable("UPDATE_SNAPSHOTS") == "1")
        {
            File.WriteAllText(path, record);
        }

        Assert.True(File.Exists(path), $"'{name}' has no record; run once with UPDATE_SNAPSHOTS=1, look at the file, commit it");
        Assert.Equal(File.ReadAllText(path).ReplaceLineEndings("\n"), record);
    }

    [Fact]
    public void Theory_LargeBatch_IsThePublishedLimit() =>
        Assert.Equal(Math.PI / (Math.PI - 1), InitGradients.Theory(1_000_000), 1e-4);

    [Theory]
    [InlineData(false, 6, 1.5)]
    [InlineData(false, 24, 1.5)]
    [InlineData(true, 6, 4)]
    [InlineData(true, 24, 13)]
    public void PreVersusPost_Stream_FollowsTheLemma(bool normalizesFirst, int block, double expected) =>
        Assert.Equal(expected, PreVersusPostLayerNorm.Theory(normalizesFirst, block));

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(0.5)]
    [InlineData(3)]
    public void Assertion_OutOfBounds_Fails(double measured) => Assert.False(new Assertion("", measured, 1, 2).Passed);
}
