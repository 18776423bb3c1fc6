using System.Diagnostics;
using System.IO.Compression;
using System.Runtime.Loader;
using System.Xml.Linq;

namespace NormLayers.Tests.Packaging;

/// <summary>What a program gets that uses the package or a Debug build: fast code, no newer dependency than needed, and a word about native AOT.</summary>
[Trait("Duration", "long")]
public sealed class PackageTests(DebugPackage package) : IClassFixture<DebugPackage>
{
    private const string LowestTensors = "10.0.0";

    [Fact]
    public void DebugBuild_Always_IsOptimizedAndHasSymbols()
    {
        AssemblyLoadContext context = new(null, isCollectible: true);
        DebuggableAttribute? debuggable = context.LoadFromAssemblyPath(package.Assembly).GetCustomAttributes(typeof(DebuggableAttribute), false)
            .Cast<DebuggableAttribute>().SingleOrDefault();
        context.Unload();

        Assert.False(debuggable?.IsJITOptimizerDisabled ?? false, "the JIT may not optimize a Debug build");
        Assert.True(File.Exists(Path.ChangeExtension(package.Assembly, ".pdb")), "no debugging symbols");
    }

    [Fact]
    public void Nuspec_Dependencies_AreTheLowestThatWork()
    {
        using ZipArchive archive = ZipFile.OpenRead(package.Package);
        using Stream nuspec = archive.GetEntry("NormLayers.nuspec")!.Open();
        XElement dependency = Assert.Single(XDocument.Load(nuspec).Descendants(), e => e.Name.LocalName == "dependency");

        Assert.Equal("System.Numerics.Tensors", (string?)dependency.Attribute("id"));
        Assert.Equal(LowestTensors, (string?)dependency.Attribute("version"));
    }

    [Fact]
    public void Client_PinningTheLowestDependency_RestoresAndRuns()
    {
        string client = package.WriteClient("pinned", references: $"""<PackageReference Include="System.Numerics.Tensors" Version="{LowestTensors}" />""");

        CommandResult run = DebugPackage.Dotnet("run", "--project", client, "-p:TreatWarningsAsErrors=true").Expect(0);

        Assert.Contains("layernorm", run.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("<PublishAot>true</PublishAot>", true)]
    [InlineData("<PublishAot>true</PublishAot><IlcInstructionSet>x86-64-v3</IlcInstructionSet>", false)]
    [InlineData("<PublishAot>false</PublishAot>", false)]
    [InlineData("", false)]
    public void Publish_NativeAot_WarnsWithoutInstructionSet(string properties, bool warns)
    {
        string client = package.WriteClient("aot");
        if (!File.Exists(Path.Combine(Path.GetDirectoryName(client)!, "obj", "project.assets.json")))
        {
            DebugPackage.Dotnet("restore", client).Expect(0);
        }

        // Set after the restore, which would otherwise download the compiler for native code.
        File.WriteAllText(client, File.ReadAllText(client).Replace("<UseAppHost>", $"{properties}<UseAppHost>", StringComparison.Ordinal));
        CommandResult publish = DebugPackage.Dotnet("msbuild", client, "-t:PrepareForPublish", "-p:RuntimeIdentifier=").Expect(0);

        Assert.Equal(warns, publish.Output.Contains("warning NORMLAYERS001", StringComparison.Ordinal));
        Assert.True(!warns || publish.Output.Contains("x86-64-v3", StringComparison.Ordinal));
    }
}
