using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace NormLayers.Tests.Docs;

/// <summary>What the README shows as the output of an example is what the example prints.</summary>
public sealed class ReadmeExampleTests
{
    private const string Usings = "global using System; global using System.Collections.Generic; global using System.Linq;";

    [Fact]
    public void CheckYourLayer_Output_IsTheReadmes()
    {
        const string Command = "$ dotnet run examples/check-your-layer.cs\n";
        string readme = string.Join('\n', RepositoryFiles.ReadLines("README.md"));
        string shown = readme[(readme.IndexOf(Command, StringComparison.Ordinal) + Command.Length)..].Split("\n```")[0];
        Assert.Equal(shown.Split('\n'), Run("examples/check-your-layer.cs").TrimEnd().Split('\n'));
    }

    // Compiles the file without its directives, and takes what it writes to the console.
    private static string Run(string file)
    {
        string program = Regex.Replace(string.Join('\n', RepositoryFiles.ReadLines(file)), "^#:.*$", "", RegexOptions.Multiline);
        CSharpCompilation compilation = CSharpCompilation.Create(
            "Example",
            [.. new[] { Usings, program }.Select(t => CSharpSyntaxTree.ParseText(t, cancellationToken: TestContext.Current.CancellationToken))],
            ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(a => MetadataReference.CreateFromFile(a)),
            new CSharpCompilationOptions(OutputKind.ConsoleApplication));
        using MemoryStream assembly = new();
        Assert.True(compilation.Emit(assembly, cancellationToken: TestContext.Current.CancellationToken).Success, program);
        TextWriter console = Console.Out;
        using StringWriter output = new();
        try
        {
            Console.SetOut(output);
            Assembly.Load(assembly.ToArray()).EntryPoint!.Invoke(null, [Array.Empty<string>()]);
        }
        finally
        {
            Console.SetOut(console);
        }

        return output.ToString();
    }
}
