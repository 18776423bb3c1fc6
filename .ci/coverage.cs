#:property AnalysisMode=None
#:property EnforceCodeStyleInBuild=false
#:property GenerateDocumentationFile=false
#:property RestorePackagesWithLockFile=false
// Runs the tests with coverage, the tool's processes included; prints a table of the folders, then the lines that no test runs. Arguments go to "dotnet test":
// dotnet run .ci/coverage.cs -- --project tests/NormLayers.Tests           one project
// dotnet run .ci/coverage.cs -- --filter-not-trait Duration=long           without the longest tests, in a third of the time
using System.Diagnostics;
using System.Text.RegularExpressions;
using System.Xml.Linq;

string results = Path.GetFullPath("TestResults/coverage");
if (Directory.Exists(results))
{
    Directory.Delete(results, recursive: true);
}

// The collector finds no symbols where the build calls the repository's root "/_/", as Directory.Build.props has it.
string[] command =
    ["test", "-c", "Release", "-p:PathMap=", "-p:DeterministicSourcePaths=false", "--results-directory", results, "--coverage", "--coverage-output-format", "cobertura", .. args];
using Process tests = Process.Start("dotnet", command);
tests.WaitForExit();

// All test projects run lines of the library: a line counts as run if one of them runs it.
Dictionary<(string File, int Number), Line> lines = [];
foreach (string report in Directory.Exists(results) ? Directory.GetFiles(results, "*.cobertura.xml", SearchOption.AllDirectories) : [])
{
    foreach (XElement type in XDocument.Load(report).Descendants("class"))
    {
        string file = Path.GetRelativePath(".", (string)type.Attribute("filename")!).Replace('\\', '/');
        foreach (XElement line in type.Element("lines")!.Elements("line").Where(_ => file.StartsWith("src/") && !file.Contains("/obj/")))
        {
            (string, int) key = (file, (int)line.Attribute("number")!);
            Match branches = Regex.Match((string?)line.Attribute("condition-coverage") ?? "", @"\((\d+)/(\d+)\)");
            Line now = new((long)line.Attribute("hits")! > 0, Count(branches, 1), Count(branches, 2));
            Line before = lines.GetValueOrDefault(key);
            lines[key] = new(before.Run || now.Run, Math.Max(before.BranchesRun, now.BranchesRun), Math.Max(before.Branches, now.Branches));
        }
    }
}

if (lines.Count == 0)
{
    Console.Error.WriteLine("no coverage report was written");
    return 1;
}

Console.WriteLine($"\n{"folder",-40}{"lines",8}{"run",8}{"share",9}{"branches",10}{"run",8}{"share",9}");
foreach (var folder in lines.GroupBy(l => Path.GetDirectoryName(l.Key.File)!).OrderBy(g => g.Key, StringComparer.Ordinal))
{
    Print(folder.Key, [.. folder.Select(l => l.Value)]);
}

Console.WriteLine();
foreach (var project in lines.GroupBy(l => l.Key.File.Split('/')[1]).OrderBy(g => g.Key, StringComparer.Ordinal))
{
    Print(project.Key, [.. project.Select(l => l.Value)]);
}

Print("all", [.. lines.Values]);
Console.WriteLine("\nlines that no test runs");
foreach (var file in lines.Where(l => !l.Value.Run).GroupBy(l => l.Key.File, l => l.Key.Number).OrderBy(g => g.Key, StringComparer.Ordinal))
{
    Console.WriteLine($"{file.Key}: {Ranges([.. file.Order()])}");
}

return tests.ExitCode;

static int Count(Match match, int group) => match.Success ? int.Parse(match.Groups[group].Value) : 0;

static void Print(string name, Line[] lines)
{
    (int run, int branches, int branchesRun) = (lines.Count(l => l.Run), lines.Sum(l => l.Branches), lines.Sum(l => l.BranchesRun));
    string share = branches == 0 ? "" : $"{(double)branchesRun / branches:p1}";
    Console.WriteLine($"{name,-40}{lines.Length,8}{run,8}{(double)run / lines.Length,9:p1}{branches,10}{branchesRun,8}{share,9}");
}

// 3, 5-7 for 3, 5, 6, 7.
static string Ranges(int[] numbers) => string.Join(", ", numbers.Select((n, i) => (Number: n, Run: n - i)).GroupBy(n => n.Run, n => n.Number)
    .Select(g => g.First() == g.Last() ? $"{g.First()}" : $"{g.First()}-{g.Last()}"));

internal readonly record struct Line(bool Run, int BranchesRun, int Branches);
