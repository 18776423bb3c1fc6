using System.Collections;
using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using NormLayers.Tests.Docs;
using NormLayers.Verification;

namespace NormLayers.Tests.Sabotage;

/// <summary>The library compiled with one wrong line: <see cref="LayerCheck"/> names the layers that compute with it, and no other.</summary>
[Trait("Duration", "long")]
public sealed class LayerCheckSabotageTests
{
    private const string Folder = "src/NormLayers/";

    private static readonly (string Fault, string File, string Right, string Wrong, string[] Layers)[] s_faults =
    [
        ("mean(g) left out of dx", "Normalization/SetFactors.cs", "minusScale * (meanG - (", "minusScale * (D.Create(0) - (",
            ["AdaptiveLayerNorm", "BatchNorm", "BatchRenorm", "GhostBatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "LayerNorm1D", "WeightStandardization"]),
        ("the weights of old and new running statistics swapped", "Normalization/ChannelFactors.cs", "D.Create(1 - _newWeight) * D.Widen(in running, c) + D.Create(_newWeight) * batch", "D.Create(_newWeight) * D.Widen(in running, c) + D.Create(1 - _newWeight) * batch",
            ["BatchNorm", "BatchRenorm", "GhostBatchNorm", "InstanceNorm"]),
        ("gradients assigned, eight at a time", "Normalization/Accumulation.cs", "D.Narrow(D.Widen(in gradient, i) + D.Load(in sums, i), ref gradient, i);\n        }\n\n        for", "D.Narrow(D.Load(in sums, i), ref gradient, i);\n        }\n\n        for",
            ["DyT", "LayerNorm", "LayerNorm1D", "RmsNorm"]),
        ("the derivative as of ε under the root", "Normalization/SetFactors.cs", "? 1 / rootTimesR", "? 1 + 0 * rootTimesR", ["RmsNorm"]),
        ("the biased running variance", "BatchNorm/BatchNorm.cs", "BiasedRunningVariance ? 1 : m / (m - 1)", "1", ["BatchNorm", "GhostBatchNorm"]),
        ("dγ and dβ of all chunks but the first left out", "Normalization/ChunkNorm.cs", "Totals = totals }", "Totals = k == 0 ? totals : default }", ["GhostBatchNorm"]),
        ("no lower limit of R", "Normalization/RenormFactors.cs", "(R, 1 / limits.RMax, ", "(R, 0, ", ["BatchRenorm"]),
        ("γ left out of a group's mean(g)", "Normalization/GroupedNorm.cs", "sumG += scale * sums[p]", "sumG += sums[p]", ["GroupNorm"]),
        ("the biased running variance of instances", "InstanceNorm/InstanceNorm.cs", "return m / (m - 1);", "return 1;", ["InstanceNorm"]),
        ("gradients of scale and shift swapped", "AdaptiveLayerNorm/AdaptiveLayerNorm.cs", "DGamma = _dScale.AsSpan(0, _gradients), DBeta = _dShift.AsSpan(0, _gradients)", "DGamma = _dShift.AsSpan(0, _gradients), DBeta = _dScale.AsSpan(0, _gradients)", ["AdaptiveLayerNorm"]),
        ("ε left out of weights", "WeightNorm/WeightStandardization.cs", "new Epsilon(Epsilon), Statistics.Sets);", "default, Statistics.Sets);", ["WeightStandardization"]),
        ("g left out of dV", "WeightNorm/WeightNorm.cs", "\n        Tensors, default,", "\n        Tensors with { RowGamma = default }, default,", ["WeightNorm"]),
        ("the mean in place of the sum of squares", "Normalization/IStatistic.cs", "Share(int m) => 1;", "Share(int m) => 1.0 / m;", ["ScaleNorm", "WeightNorm"]),
        ("the slope of the hyperbolic tangent left out of dα", "Normalization/TanhRows.cs", "sumHX += h * x;", "sumHX += gamma * dy * x;", ["DyT"]),
        ("dx over the window of y", "Normalization/ChannelWindows.cs", "Math.Min((long)c + Response.Below", "Math.Min((long)c + Response.Above", ["LocalResponseNorm"]),
    ];

    // Every source file of the library, parsed once.
    private static readonly Lazy<CSharpCompilation> s_library = new(() => CSharpCompilation.Create(
        "Wrong",
        Directory.EnumerateFiles(Path.Combine(RepositoryFiles.Root, Folder), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"))
            .Select(f => CSharpSyntaxTree.ParseText(File.ReadAllText(f), path: f))
            .Prepend(CSharpSyntaxTree.ParseText("global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Threading")),
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(a => !Path.GetFileName(a).StartsWith("NormLayers", StringComparison.Ordinal)).Select(a => MetadataReference.CreateFromFile(a)),
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, optimizationLevel: OptimizationLevel.Release, nullableContextOptions: NullableContextOptions.Enable)));

    public static TheoryData<string> Faults => [.. s_faults.Select(f => f.Fault)];

    [Fact]
    public void Faults_Together_AreOfEveryLayer() => Assert.Equal(
        LayerCheck.Run(TestContext.Current.CancellationToken).Select(r => r.Layer).Order(StringComparer.Ordinal),
        s_faults.SelectMany(f => f.Layers).Distinct().Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Faults))]
    public void Run_OneWrongLine_NamesTheLayersThatComputeWithIt(string fault)
    {
        (_, string file, string right, string wrong, string[] layers) = s_faults.Single(f => f.Fault == fault);
        Assembly library = Compile(Path.Combine(RepositoryFiles.Root, Folder, file), right, wrong);
        IEnumerable rows = (IEnumerable)library.GetType(typeof(LayerCheck).FullName!, throwOnError: true)!
            .GetMethod(nameof(LayerCheck.Run))!.Invoke(null, [TestContext.Current.CancellationToken])!;
        List<string> red = [];
        foreach (object row in rows)
        {
            object? Of(string property) => row.GetType().GetProperty(property)!.GetValue(row);
            if (!(bool)Of(nameof(LayerCheckRow.Passed))!)
            {
                red.Add((string)Of(nameof(LayerCheckRow.Layer))!);
                TestContext.Current.TestOutputHelper?.WriteLine($"{red[^1]}: {((IReadOnlyList<string>)Of(nameof(LayerCheckRow.Faults))!)[0]}");
            }
        }

        Assert.Equal(layers, red.Order(StringComparer.Ordinal));
    }

    private static Assembly Compile(string file, string right, string wrong)
    {
        SyntaxTree tree = s_library.Value.SyntaxTrees.Single(t => t.FilePath == file);
        string source = tree.ToString();
        Assert.Contains(right, source, StringComparison.Ordinal);
        SyntaxTree edited = CSharpSyntaxTree.ParseText(source.Replace(right, wrong, StringComparison.Ordinal), path: file);
        using MemoryStream image = new();
        Diagnostic[] errors = [.. s_library.Value.ReplaceSyntaxTree(tree, edited).Emit(image).Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error)];
        Assert.True(errors.Length == 0, string.Join<Diagnostic>("; ", errors.Take(5)));
        return Assembly.Load(image.ToArray());
    }
}
