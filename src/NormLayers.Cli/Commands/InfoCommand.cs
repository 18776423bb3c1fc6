using System.CommandLine;
using NormLayers.Cli.Output;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers info</c>: what runs here and on what.</summary>
internal static class InfoCommand
{
    public static IReadOnlyList<string> Examples { get; } = ["normlayers info", "normlayers info --json"];

    public static Command Create()
    {
        Option<bool> json = new("--json") { Description = "Print JSON." };
        Command command = new("info", "Show version, runtime, processor and vector width, as a report of a problem needs them.") { json };
        command.SetAction(parsed =>
        {
            MachineInfo info = MachineInfo.Read();
            Console.Out.WriteLine(parsed.GetValue(json) ? info.ToJson() : info.ToTable());
            return ExitCode.Success;
        });
        return command;
    }
}
