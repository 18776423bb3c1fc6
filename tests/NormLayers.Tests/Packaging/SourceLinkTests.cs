using System.Diagnostics;
using System.IO.Compression;
using System.Reflection.Metadata;
using System.Text.Json;
using System.Xml.Linq;
using NormLayers.Tests.Docs;

namespace NormLayers.Tests.Packaging;

/// <summary>What a debugger needs to show the sources of a package: built in a clone of the last commit, whose remote has an address.</summary>
[Trait("Duration", "long")]
public sealed class SourceLinkTests(SourceLinkTests.Clone clone) : IClassFixture<SourceLinkTests.Clone>
{
    private const string GitHub = "https://github.com/example/normlayers";
    private static readonly Guid s_sourceLink = new("CC110556-A091-4D38-9FEC-25AB9A351A6A");

    [Theory]
    [InlineData(GitHub, false)]
    [InlineData(GitHub, true)]
    [InlineData("https://git.example.org/team/normlayers.git", false)]
    public void Package_OfACloneWithRemote_LeadsToItsSources(string remote, bool continuousIntegration)
    {
        Assert.SkipUnless(Path.Exists(Path.Combine(RepositoryFiles.Root, ".git")), "not a clone of the repository");
        string feed = clone.Pack(remote, continuousIntegration);
        string commit = clone.Git("rev-parse", "HEAD").Trim();

        using ZipArchive package = ZipFile.OpenRead(Path.Combine(feed, "NormLayers.0.0.1-test.nupkg"));
        using Stream nuspec = package.GetEntry("NormLayers.nuspec")!.Open();
        XElement repository = Assert.Single(XDocument.Load(nuspec).Descendants(), e => e.Name.LocalName == "repository");
        Assert.Equal((remote, commit), ((string?)repository.Attribute("url"), (string?)repository.Attribute("commit")));
        if (remote != GitHub)
        {
            // The addresses of single files are known of some hosts only.
            return;
        }

        using ZipArchive symbols = ZipFile.OpenRead(Path.Combine(feed, "NormLayers.0.0.1-test.snupkg"));
        using MemoryStream pdb = new();
        using (Stream packed = symbols.Entries.Single(e => e.Name == "NormLayers.pdb").Open())
        {
            packed.CopyTo(pdb);
        }

        pdb.Position = 0;
        using MetadataReaderProvider provider = MetadataReaderProvider.FromPortablePdbStream(pdb);
        MetadataReader reader = provider.GetMetadataReader();
        byte[] json = Assert.Single(
            reader.CustomDebugInformation.Select(reader.GetCustomDebugInformation).Where(i => reader.GetGuid(i.Kind) == s_sourceLink).Select(i => reader.GetBlobBytes(i.Value)));
        using JsonDocument link = JsonDocument.Parse(json);
        JsonProperty map = Assert.Single(link.RootElement.GetProperty("documents").EnumerateObject());
        Assert.Equal($"https://raw.githubusercontent.com/example/normlayers/{commit}/*", map.Value.GetString());

        // What the build makes itself lies in the symbols.
        string[] documents = [.. reader.Documents.Select(d => reader.GetString(reader.GetDocument(d).Name)).Where(n => !n.Contains("/obj/", StringComparison.Ordinal))];
        Assert.True(documents.Length > 100, $"{documents.Length} documents");
        Assert.All(documents, d => Assert.StartsWith(map.Name.TrimEnd('*') + "src/NormLayers/", d, StringComparison.Ordinal));
    }

    /// <summary>A clone of the last commit, which every package is built in anew; restored once.</summary>
    public sealed class Clone : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("normlayers-sourcelink-").FullName;

        public string Pack(string remote, bool continuousIntegration)
        {
            string project = Path.Combine(_folder, "src", "NormLayers");
            if (!Directory.Exists(project))
            {
                Git("clone", "-q", "--no-tags", RepositoryFiles.Root, ".");
            }

            Git("remote", "set-url", "origin", remote);
            foreach (string built in new[] { Path.Combine(project, "bin"), Path.Combine(project, "obj", "Release"), Path.Combine(_folder, "feed") }.Where(Directory.Exists))
            {
                Directory.Delete(built, recursive: true);
            }

            DebugPackage.Dotnet(
                "pack", project, "-c", "Release", "-o", Path.Combine(_folder, "feed"), "-p:Version=0.0.1-test", "-p:RunAnalyzers=false", "-p:EnablePackageValidation=false",
                $"-p:ContinuousIntegrationBuild={continuousIntegration}").Expect(0);
            return Path.Combine(_folder, "feed");
        }

        public string Git(params string[] arguments)
        {
            using Process git = Process.Start(new ProcessStartInfo("git", arguments) { RedirectStandardOutput = true, WorkingDirectory = _folder })!;
            string output = git.StandardOutput.ReadToEnd();
            git.WaitForExit();
            Assert.Equal(0, git.ExitCode);
            return output;
        }

        public void Dispose()
        {
            // Git writes its objects read-only, which keeps Windows from deleting them.
            foreach (FileInfo file in new DirectoryInfo(_folder).EnumerateFiles("*", SearchOption.AllDirectories))
            {
                file.Attributes = FileAttributes.Normal;
            }

            Directory.Delete(_folder, recursive: true);
        }
    }
}
