using NormLayers.Tests.Support;

namespace NormLayers.Tests.Docs;

/// <summary>docs/API.md says what the libraries' documentation comments say today.</summary>
[Trait("Width", "any")]
public sealed class ApiDocumentTests
{
    private const string Name = "docs/API.md";

    private const string Introduction =
        """
        # API

        Every public type of the libraries, from the documentation comments of the code. Written by a test; do not edit. To write it again:
        `UPDATE_SNAPSHOTS=1 dotnet test --project tests/NormLayers.Tests -c Release --filter-class NormLayers.Tests.Docs.ApiDocumentTests`

        Tensors are row-major spans of `float` with a `Shape`: N is the number of samples, C of channels or features, L of positions, m the size of the index set that is
        normalized together. The caller owns all tensors. A forward pass overwrites y; a backward pass overwrites dx and adds to the gradients of the parameters.
        """;

    [Fact]
    public void ApiMd_OfTheBuiltLibrary_IsCurrent()
    {
        string expected = Written();
        string file = Path.Combine(RepositoryFiles.Root, Name);
        if (Environment.GetEnvironmentVariable("UPDATE_SNAPSHOTS") == "1")
        {
            File.WriteAllText(file, expected);
        }

        string[] written = File.Exists(file) ? File.ReadAllLines(file) : [];
        string[] lines = expected.TrimEnd('\n').Split('\n');
        int first = Enumerable.Range(0, Math.Max(lines.Length, written.Length))
            .FirstOrDefault(i => i >= lines.Length || i >= written.Length || lines[i] != written[i], -1);
        Assert.True(
            first < 0,
            $"{Name} is not what the code says, from line {first + 1}: '{written.ElementAtOrDefault(first)}' should be '{lines.ElementAtOrDefault(first)}'. "
            + "Set UPDATE_SNAPSHOTS=1 and run this test to write it again.");
    }

    [Theory]
    [InlineData("LayerNorm1D(int features, double epsilon = 1E-05, bool withGamma = true, bool withBeta = true, bool relu = false, bool onePlusGamma = false, string name = \"layernorm\")")]
    [InlineData("Parameter? Gamma { get; }")]
    [InlineData("virtual bool Training { get; set; }")]
    [InlineData("void Forward(ReadOnlySpan<float> x, Shape shape, Span<float> y)")]
    [InlineData("protected abstract void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)")]
    [InlineData("static (double Loss, int Correct) Evaluate(ReadOnlySpan<float> logits, ReadOnlySpan<int> labels, Span<float> dLogits)")]
    [InlineData("override string ToString()")]
    [InlineData("required int Classes { get; init; }")]
    [InlineData("static implicit operator Shape(int length)")]
    [InlineData("Shape(params ReadOnlySpan<int> dimensions)")]
    public void Write_MembersOfEachKind_AreThereAsInCSharp(string signature) => Assert.Contains($"\n**`{signature}`**\n\n", Written(), StringComparison.Ordinal);

    [Fact]
    public void Write_EveryExportedType_IsThereWithASummary()
    {
        string text = Written();

        Assert.All(PublicAssemblies.All.SelectMany(a => a.GetExportedTypes()), type => Assert.Matches($@"\n### {type.Name}\n\n`[^`]+`\n\n\S", text));
    }

    private static string Written()
    {
        XmlComments comments = new(PublicAssemblies.All.Select(a => Path.ChangeExtension(a.Location, ".xml")));
        return new ApiDocument(PublicAssemblies.All, comments).Write(Introduction);
    }
}
