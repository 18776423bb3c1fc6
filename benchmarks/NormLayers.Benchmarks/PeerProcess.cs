using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text.Json.Nodes;

namespace NormLayers.Benchmarks;

/// <summary>The driver's end of a peer: starts its process with the threads and the memory settings of the run, and talks to it.</summary>
/// <remarks>Between an answer and the next request the process is stopped: thread pools that wait for more work would spin on another peer's core.</remarks>
internal sealed partial class PeerProcess : IDisposable
{
    private const int Continue = 18;
    private const int Stop = 19;

    private readonly Process _process;

    private PeerProcess(string name, int threads, Process process)
    {
        (Name, Threads, _process) = (name, threads, process);
        Version = (string)Ask(new JsonObject { ["do"] = "describe" })["version"]!;
    }

    /// <summary>The peers, and the yardstick.</summary>
    public static IReadOnlyList<string> Names { get; } = ["normlayers", "libtorch", "onnxruntime", "onnxruntime23", "tensorprimitives", "reference", "numpy", "stream"];

    public string Name { get; }

    public int Threads { get; }

    public string Version { get; }

    /// <summary>Whether a peer uses more threads than one.</summary>
    public static bool IsParallel(string name) => name is not ("tensorprimitives" or "reference");

    /// <summary>Starts a peer.</summary>
    /// <exception cref="InvalidOperationException">It does not run here; the message says why.</exception>
    public static PeerProcess Start(string name, int threads, bool narrow)
    {
        string count = threads.ToString(CultureInfo.InvariantCulture);
        ProcessStartInfo start = name == "numpy" ? NumPy() : Own(name, count);
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        foreach (string variable in (string[])["NORMLAYERS_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
        {
            start.Environment[variable] = count;
        }

        // Freed memory is kept and used again, as a caching allocator does: without this, libtorch pays page faults for each large output.
        start.Environment["MALLOC_MMAP_THRESHOLD_"] = "4294967296";
        start.Environment["MALLOC_TRIM_THRESHOLD_"] = "17179869184";
        start.Environment["MALLOC_TOP_PAD_"] = "268435456";

        // .NET code is compiled with all optimizations soon after its first calls, as in a program that runs for a while.
        start.Environment["DOTNET_TC_CallCountingDelayMs"] = "0";
        if (narrow)
        {
            start.Environment["DOTNET_EnableAVX512"] = "0";
            start.Environment["ATEN_CPU_CAPABILITY"] = "avx2";
            start.Environment["ONEDNN_MAX_CPU_ISA"] = "AVX2";
            start.Environment["MKL_ENABLE_INSTRUCTIONS"] = "AVX2";
        }

        // Distributions' OpenBLAS takes processors that are newer than itself for very old ones.
        start.Environment["OPENBLAS_CORETYPE"] = Avx512F.IsSupported && !narrow ? "SKYLAKEX" : Avx2.IsSupported ? "HASWELL" : string.Empty;
        Process process = Process.Start(start)!;
        try
        {
            return new PeerProcess(name, threads, process);
        }
        catch (InvalidOperationException)
        {
            process.Dispose();
            throw;
        }
    }

    /// <summary>Sends a request and waits for its answer.</summary>
    /// <exception cref="InvalidOperationException">The process has ended.</exception>
    public JsonNode Ask(JsonObject request)
    {
        try
        {
            Send(Continue);
            _process.StandardInput.WriteLine(request.ToJsonString());
            if (_process.StandardOutput.ReadLine() is { } answer)
            {
                Send(Stop);
                return JsonNode.Parse(answer)!;
            }
        }
        catch (IOException)
        {
            // Told below.
        }

        throw new InvalidOperationException($"its process ended{(_process.WaitForExit(1000) ? $" with exit code {_process.ExitCode}" : string.Empty)}");
    }

    public void Dispose()
    {
        Send(Continue);
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended already.
        }

        if (!_process.WaitForExit(5000))
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    // A process that has ended needs no signal; that it did is told where it is asked.
    private void Send(int signal) => _ = _process.HasExited ? 0 : Kill(_process.Id, signal);

    [LibraryImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Kill(int process, int signal);

    private static ProcessStartInfo Own(string name, string threads)
    {
        string host = Path.Combine(AppContext.BaseDirectory, "NormLayers.Benchmarks");
        string? libraries = Environment.GetEnvironmentVariable("NORMLAYERS_BENCH_LIBRARIES");

        // run.sh: where the system's C++ library is too old for TorchSharp, the program runs on newer ones, through their own loader.
        return name == "libtorch" && !string.IsNullOrEmpty(libraries)
            ? new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "ld-linux-x86-64.so.2"), ["--library-path", libraries, host, "peer", name, threads])
            : new ProcessStartInfo(host, ["peer", name, threads]);
    }

    private static ProcessStartInfo NumPy()
    {
        string python = Environment.GetEnvironmentVariable("NORMLAYERS_BENCH_PYTHON") is { Length: > 0 } chosen ? chosen : "python3";
        return new ProcessStartInfo(python, ["-u", Path.Combine(AppContext.BaseDirectory, "numpy_step.py")]);
    }
}
