using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using NormLayers.Numerics;

namespace NormLayers.Cli.Output;

/// <summary>What runs here and on what: the first thing that a report of a problem needs.</summary>
/// <param name="Version">The tool.</param>
/// <param name="Library">The library.</param>
/// <param name="Runtime">The .NET runtime.</param>
/// <param name="OperatingSystem">The operating system.</param>
/// <param name="Processor">The processor's name and architecture.</param>
/// <param name="VectorBits">The width of the vectors that the kernels use, in bits; 0 if none.</param>
/// <param name="ProcessorVectorBits">The widest that .NET uses on the processor, in bits.</param>
/// <param name="LogicalProcessors">The logical processors that this process may use.</param>
internal sealed record MachineInfo(
    string Version, string Library, string Runtime, string OperatingSystem, string Processor, int VectorBits, int ProcessorVectorBits, int LogicalProcessors)
{
    public static string ToolVersion { get; } = VersionOf(typeof(MachineInfo).Assembly);

    public static string NormLayersVersion { get; } = VersionOf(typeof(Layer).Assembly);

    /// <summary>The tool's name and version.</summary>
    public static string Program => "normlayers " + ToolVersion;

    public static MachineInfo Read() => new(
        ToolVersion,
        NormLayersVersion,
        RuntimeInformation.FrameworkDescription,
        RuntimeInformation.OSDescription,
        $"{ProcessorName()} ({RuntimeInformation.ProcessArchitecture.ToString().ToUpperInvariant()})",
        VectorWidth.Bits,
        VectorWidth.Widest,
        Threads.Limit);

    public string ToJson() => JsonSerializer.Serialize(this, ResultJson.Default.MachineInfo);

    /// <summary>The width of the vectors, for people: "512 bits".</summary>
    public string Vectors() =>
        VectorBits == ProcessorVectorBits ? Width(VectorBits) : $"{Width(VectorBits)}, asked for in place of {Width(ProcessorVectorBits)}";

    public string ToTable() => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        normlayers          {Version}
        library             {Library}
        runtime             {Runtime}
        operating system    {OperatingSystem}
        processor           {Processor}
        vector width        {Vectors()}
        logical processors  {LogicalProcessors}
        native AOT          {InstructionSet()}
        """);

    // For the widest vectors here; other architectures need none to be named.
    private string InstructionSet() => (RuntimeInformation.ProcessArchitecture, ProcessorVectorBits) switch
    {
        (Architecture.X64, 512) => "IlcInstructionSet=x86-64-v4",
        (Architecture.X64, 256) => "IlcInstructionSet=x86-64-v3",
        _ => "no IlcInstructionSet needed",
    };

    private static string Width(int bits) => bits == 0 ? "none" : string.Create(CultureInfo.InvariantCulture, $"{bits} bits");

    private static string VersionOf(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    private static string ProcessorName()
    {
        const string LinuxTable = "/proc/cpuinfo";
        string? line = File.Exists(LinuxTable)
            ? File.ReadLines(LinuxTable).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))
            : null;
        return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim()
            ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER")
            ?? "unknown processor";
    }
}
