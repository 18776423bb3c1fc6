using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace NormLayers.Tests.Docs;

/// <summary>Every C# sample of a document compiles. What layers' pages quote from their references is held by <see cref="PageCodeTests"/>.</summary>
[Trait("Width", "any")]
public sealed partial class SampleTests
{
    private const string Usings = """
        global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Threading; global using System.Threading.Tasks;
        global using NormLayers; global using NormLayers.Exchange; global using NormLayers.Network;
        global using NormLayers.Lab.Charts; global using NormLayers.Lab.Data; global using NormLayers.Lab.Trials;
        """;

    private const string Tensors = "int N = 2, C = 3, L = 4, T = 5, channels = 3; float[] x = [], y = [], dy = [], dx = []; ";

    // The samples of each document, with what is before them in a program.
    private static readonly Dictionary<string, string[]> s_samples = new()
    {
        ["README.md"] = [""],
        ["docs/conventions.md"] = ["", "BatchNorm norm = FrameworkConventions.Keras.BatchNorm(64);", Tensors + "bool[] mask = [];"],
        ["docs/family.md"] = ["double[] gamma = [], beta = [], x = [], dy = [];"],
        ["docs/models.md"] = ["Sequential network = new(new ReLU());", "Sequential network = new(new ReLU()); int batches = 2, rows = 3; float[][] x = [], y = [];", "Sequential network = new(new ReLU());", ""],
        ["src/NormLayers/README.md"] = [""],
        ["src/NormLayers/AdaptiveLayerNorm/README.md"] = [Tensors + "float[] scale = [], shift = [];"],
        ["src/NormLayers/GroupNorm/README.md"] = [Tensors],
        ["src/NormLayers/WeightNorm/README.md"] = ["float[] v = [], g = [], w = [], dw = [], dv = [], dg = []; NormStatistics statistics = new();"],
        ["src/NormLayers.Lab/README.md"] = ["", ""],
    };

    public static TheoryData<string, int> Samples => [.. s_samples.SelectMany(s => s.Value.Select((_, i) => (s.Key, i)))];

    [Theory]
    [MemberData(nameof(Samples))]
    public void Sample_OfADocument_Compiles(string document, int index)
    {
        string sample = SamplesOf(document)[index];
        string usings = string.Concat(Using().Matches(sample).Select(m => m.Value));
        string program = $"{usings}{s_samples[document][index]}\n{Using().Replace(sample, "")}";
        CSharpCompilation compilation = CSharpCompilation.Create(
            "Sample",
            [CSharpSyntaxTree.ParseText(Usings, cancellationToken: TestContext.Current.CancellationToken), CSharpSyntaxTree.ParseText(program, cancellationToken: TestContext.Current.CancellationToken)],
            ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(a => MetadataReference.CreateFromFile(a)),
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));
        IEnumerable<Diagnostic> errors = compilation.GetDiagnostics(TestContext.Current.CancellationToken).Where(d => d.Severity == DiagnosticSeverity.Error);
        Assert.True(!errors.Any(), $"{string.Join('\n', errors)}\n{program}");
    }

    [Fact]
    public void Samples_OfAllDocuments_AreCompiled()
    {
        IEnumerable<string> found = Directory.EnumerateFiles(RepositoryFiles.Root, "*.md", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(RepositoryFiles.Root, f).Replace('\\', '/'))
            .Where(f => !f.Split('/').Any(part => part is "bin" or "obj" or "TestResults"))
            .SelectMany(f => SamplesOf(f).Select((_, i) => $"{f} {i}"));
        Assert.Equal(Samples.Select(s => $"{s.Data.Item1} {s.Data.Item2}").Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
    }

    // A layer's page quotes its reference as "csharp", and has its samples as "cs".
    private static string[] SamplesOf(string document)
    {
        bool quotes = File.Exists(Path.Combine(RepositoryFiles.Root, Path.GetDirectoryName(document)!, $"{Path.GetFileName(Path.GetDirectoryName(document))}Reference.cs"));
        return [.. Block().Matches(string.Join('\n', RepositoryFiles.ReadLines(document))).Where(m => !quotes || m.Groups[1].Value == "cs").Select(m => m.Groups[2].Value)];
    }

    [GeneratedRegex("^```(csharp|cs)\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^using [\w.]+;\n", RegexOptions.Multiline)]
    private static partial Regex Using();
}
