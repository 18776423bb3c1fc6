using System.Diagnostics;
using NormLayers.Tests.Docs;

namespace NormLayers.Tests.Packaging;

/// <summary>The library, built and packed for debugging, in a folder of its own with nothing else in its feed.</summary>
public sealed class DebugPackage : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("normlayers-package-").FullName;

    public DebugPackage() => Dotnet(
        "pack", Path.Combine(RepositoryFiles.Root, "src", "NormLayers"), "-c", "Debug", "--artifacts-path", Path.Combine(_folder, "artifacts"),
        "-o", Feed, "-p:Version=0.0.1-test", "-p:RunAnalyzers=false", "-p:EnablePackageValidation=false").Expect(0);

    /// <summary>The assembly.</summary>
    public string Assembly => Path.Combine(_folder, "artifacts", "bin", "NormLayers", "debug", "NormLayers.dll");

    /// <summary>The package.</summary>
    public string Package => Path.Combine(Feed, "NormLayers.0.0.1-test.nupkg");

    private string Feed => Path.Combine(_folder, "feed");

    /// <summary>Writes a client of the package.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="properties">Elements of its property group.</param>
    /// <param name="references">Its references beside the package.</param>
    /// <returns>The path of its project.</returns>
    public string WriteClient(string name, string properties = "", string references = "")
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        File.WriteAllText(Path.Combine(folder, "Program.cs"), "System.Console.WriteLine(new NormLayers.LayerNorm1D(3).Name);\n");

        // Restored offline: what the library needs lies in the usual packages folder, since the library was built; the package
        // itself must not land there, where the next build of it would not replace it.
        string project = Path.Combine(folder, $"{name}.csproj");
        File.WriteAllText(project, $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <RestoreSources>{Feed}</RestoreSources>
                <RestoreFallbackFolders>{PackagesFolder()}</RestoreFallbackFolders>
                <RestorePackagesPath>{Path.Combine(_folder, "packages")}</RestorePackagesPath>
                <UseAppHost>false</UseAppHost>
                {properties}
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="NormLayers" Version="0.0.1-test" />
                {references}
              </ItemGroup>
            </Project>
            """);
        return project;
    }

    public static CommandResult Dotnet(params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", arguments) { RedirectStandardOutput = true };
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new CommandResult(process.ExitCode, output);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string PackagesFolder() =>
        Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
}
