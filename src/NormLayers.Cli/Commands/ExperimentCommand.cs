using System.CommandLine;
using System.Text.Json;
using NormLayers.Cli.Configuration;
using NormLayers.Cli.Experiments;
using NormLayers.Cli.Output;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers experiment</c>: runs what papers claim, and judges it.</summary>
internal static class ExperimentCommand
{
    public static IReadOnlyList<string> Examples { get; } =
        ["normlayers experiment list", "normlayers experiment init-gradients", "normlayers experiment invariances --json"];

    public static IReadOnlyList<IExperiment> Experiments { get; } = [new Invariances(), new InitGradients(), new InitRank()];

    public static Command Create()
    {
        Argument<string> name = new("name") { Description = "The experiment, or 'list' for all." };
        Option<bool> full = new("--full") { Description = "Average over more networks." };
        Option<long> seed = new("--seed") { Description = "The seed of all random numbers.", DefaultValueFactory = _ => 1, HelpName = "number" };
        Option<bool> json = new("--json") { Description = "Print JSON." };
        Option<string> output = new("--output", "-o") { Description = "Also write the result to this JSON file.", HelpName = "file" };
        Command command = new("experiment", "Run what a paper claims, and say whether it holds here.") { name, full, seed, json, output };
        command.SetAction(parsed => Run(
            parsed.GetValue(name)!, parsed.GetValue(full), parsed.GetValue(seed), parsed.GetValue(json), parsed.GetValue(output)));
        return command;
    }

    private static int Run(string name, bool full, long seed, bool json, string? output)
    {
        if (name == "list")
        {
            Console.Out.WriteLine(ExperimentText.List(Experiments));
            return ExitCode.Success;
        }

        string? problem = Experiments.All(e => e.Name != name)
            ? $"'{name}' is no experiment{NearestName.Hint(name, Experiments.Select(e => e.Name))} ('normlayers experiment list' shows all)"
            : output is null ? null : WritablePath.FindProblem(output);
        if (problem is not null)
        {
            Console.Error.WriteLine("error: " + problem);
            return ExitCode.Usage;
        }

        using Interruption interruption = new();
        try
        {
            ExperimentResult result = Experiments.First(e => e.Name == name).Run(new((ulong)seed, full, interruption.Token));
            byte[] document = JsonSerializer.SerializeToUtf8Bytes(result, ResultJson.Default.ExperimentResult);
            if (output is not null)
            {
                AtomicFile.Write(output, document);
            }

            Console.Out.WriteLine(json ? System.Text.Encoding.UTF8.GetString(document) : ExperimentText.Format(result));
            return result.Passed ? ExitCode.Success : ExitCode.Mismatch;
        }
        catch (OperationCanceledException)
        {
            return interruption.ExitCode;
        }
    }
}
