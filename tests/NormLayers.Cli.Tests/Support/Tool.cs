using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace NormLayers.Cli.Tests.Support;

/// <summary>Runs the built tool as a process of its own, in a folder of its own.</summary>
internal sealed class Tool : IDisposable
{
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(300);
    private static readonly ConcurrentDictionary<string, Lazy<(ToolResult Result, Dictionary<string, byte[]> Files)>> _once = new();

    /// <summary>The tool as a shell calls it.</summary>
    public static string ShellName { get; } = $"dotnet '{Path.Combine(AppContext.BaseDirectory, "NormLayers.Cli.dll")}'";

    public string Folder { get; } = Directory.CreateTempSubdirectory("normlayers-tests-").FullName;

    public Dictionary<string, string> Environment { get; } = [];

    public ToolResult Run(params string[] arguments)
    {
        using Process process = Start(arguments);
        return Finish(process);
    }

    /// <summary>
    /// As <see cref="Run"/>, but only one of all tests with the same arguments, environment and files runs the tool. The others get what it gave, files too.
    /// For what comes before a test's own run, and for long runs whose results several tests look at; not for a run that deletes files or whose output names the folder.
    /// </summary>
    public ToolResult RunOnce(params string[] arguments)
    {
        Dictionary<string, byte[]> before = Files();
        const string End = "\0"; // No argument, variable or name of a file has it.
        string key = string.Join(End, (IEnumerable<string>)
            [.. arguments, End, .. Environment.Select(e => $"{e}"), End, .. before.Select(f => $"{f.Key} {Convert.ToHexString(SHA256.HashData(f.Value))}")]);
        (ToolResult result, Dictionary<string, byte[]> files) = _once.GetOrAdd(key, _ => new(() => (Run(arguments), Files()))).Value;
        foreach ((string name, byte[] content) in files.Where(f => !before.TryGetValue(f.Key, out byte[]? there) || !f.Value.AsSpan().SequenceEqual(there)))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
            File.WriteAllBytes(PathOf(name), content);
        }

        return result;
    }

    public ToolResult RunSmall(params string[] arguments) =>
        Run(["--epochs", "2", "--set", "data.n_train=200", "--set", "data.n_test=60", .. arguments]);

    /// <summary>Runs a script of bash in the tool's folder, where <c>nl</c> is the tool: for redirections, pipes and what else a shell does.</summary>
    public ToolResult RunScript(string script)
    {
        using Process process = StartScript(script);
        return Finish(process);
    }

    /// <summary>Skips a test on a system without one of these commands.</summary>
    public static void SkipWithout(params string[] commands)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "a shell's script for Linux");
        string[] folders = System.Environment.GetEnvironmentVariable("PATH")!.Split(':');
        foreach (string command in (string[])["bash", .. commands])
        {
            Assert.SkipUnless(folders.Any(f => File.Exists(Path.Combine(f, command))), $"no command '{command}' here");
        }
    }

    /// <summary>Runs until <paramref name="condition"/> holds, then sends a signal.</summary>
    public ToolResult RunAndSignal(string signal, Func<bool> condition, params string[] arguments)
    {
        SkipIfIgnored(signal);
        using Process process = Start(arguments);
        Stopwatch watch = Stopwatch.StartNew();
        while (!condition() && !process.HasExited && watch.Elapsed < _longest)
        {
            Thread.Sleep(50);
        }

        return Signal(process, signal);
    }

    /// <summary>Runs until a first line is on standard error, then sends a signal.</summary>
    public ToolResult RunAndSignalAfterLine(string signal, params string[] arguments)
    {
        SkipIfIgnored(signal);
        using Process process = Start(arguments);
        process.StandardError.ReadLine();
        return Signal(process, signal);
    }

    /// <summary>Starts a run that the caller ends; its output is passed over.</summary>
    public Process StartForKill(params string[] arguments)
    {
        ProcessStartInfo start = Prepare("dotnet");
        foreach (string argument in (string[])[Path.Combine(AppContext.BaseDirectory, "NormLayers.Cli.dll"), .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    public string Write(string name, string content)
    {
        string path = PathOf(name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }

    /// <summary>Writes the four IDX files of images of 2x2 pixels, whose classes are told by their pixels, mostly.</summary>
    public void WriteImages(string folder, byte train, byte test, byte classes = 3)
    {
        Directory.CreateDirectory(PathOf(folder));
        foreach ((string part, byte count) in ((string, byte)[])[("train", train), ("t10k", test)])
        {
            byte[] labels = [.. Enumerable.Range(0, count).Select(i => (byte)(i % classes))];
            byte[] pixels = [.. labels.SelectMany((label, i) => (byte[])[(byte)(90 * label + i % 7), (byte)(i * 37), (byte)(i * 11), (byte)(200 - 50 * label)])];
            File.WriteAllBytes(PathOf($"{folder}/{part}-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 2, .. pixels]);
            File.WriteAllBytes(PathOf($"{folder}/{part}-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, count, .. labels]);
        }
    }

    public string Read(string name)
    {
        using FileStream stream = new(PathOf(name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }

    public JsonObject ReadJson(string name) => JsonNode.Parse(Read(name))!.AsObject();

    public bool Exists(string name) => File.Exists(PathOf(name));

    /// <summary>All files and folders, to see that nothing was written.</summary>
    public string[] List() => [.. Directory.EnumerateFileSystemEntries(Folder, "*", SearchOption.AllDirectories)
        .Select(p => Path.GetRelativePath(Folder, p)).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private Dictionary<string, byte[]> Files() => List().Where(Exists).ToDictionary(n => n, n => File.ReadAllBytes(PathOf(n)));

    private Process StartScript(string script)
    {
        ProcessStartInfo start = Prepare("bash");
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add($"nl() {{ {ShellName} \"$@\"; }}\n{script}");
        return Process.Start(start)!;
    }

    private Process Start(string[] arguments)
    {
        ProcessStartInfo start = Prepare("dotnet");
        string[] command = [Path.Combine(AppContext.BaseDirectory, "NormLayers.Cli.dll"), .. arguments];
        if (OperatingSystem.IsLinux())
        {
            // A process started in the background inherits an ignored SIGINT; this gives the tool the one a terminal gives.
            start.FileName = "env";
            command = ["--default-signal=INT", "dotnet", .. command];
        }

        foreach (string argument in command)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    private ProcessStartInfo Prepare(string command)
    {
        ProcessStartInfo start = new(command) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string inherited in (string[])["RANDOM_SEED", "NO_COLOR"])
        {
            start.Environment.Remove(inherited);
        }

        foreach ((string name, string value) in Environment)
        {
            start.Environment[name] = value;
        }

        return start;
    }

    // Under nohup a process ignores SIGHUP, and so do its children. Other signals the runtime handles even so.
    private static void SkipIfIgnored(string signal)
    {
        const string Status = "/proc/self/status";
        const string Ignored = "SigIgn:";
        string? mask = signal == "HUP" && File.Exists(Status) ? File.ReadLines(Status).FirstOrDefault(l => l.StartsWith(Ignored, StringComparison.Ordinal)) : null;
        bool isIgnored = mask is not null && (Convert.ToUInt64(mask[Ignored.Length..].Trim(), 16) & 1) == 1;
        Assert.SkipWhen(isIgnored, $"SIG{signal} is ignored here");
    }

    private static ToolResult Signal(Process process, string signal)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]);
        kill.WaitForExit();
        return Finish(process);
    }

    private static ToolResult Finish(Process process)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(_longest))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"the tool did not end within {_longest.TotalSeconds} s");
        }

        return new ToolResult(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    private string PathOf(string name) => Path.Combine(Folder, name);
}

/// <summary>What a run of the tool gave.</summary>
internal sealed record ToolResult(int ExitCode, string Output, string Error)
{
    public JsonObject Json => JsonNode.Parse(Output)!.AsObject();

    public ToolResult Expect(int exitCode)
    {
        Assert.True(exitCode == ExitCode, $"exit code {ExitCode} instead of {exitCode}\n{Output}\n{Error}");
        return this;
    }
}
