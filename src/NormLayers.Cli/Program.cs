using System.Diagnostics.CodeAnalysis;
using NormLayers.Cli.Commands;

namespace NormLayers.Cli;

internal static class Program
{
    [SuppressMessage("Design", "CA1031", Justification = "The last resort: whatever was not foreseen becomes one line, not a trace.")]
    private static int Main(string[] args)
    {
        try
        {
            return CommandLine.Run(args);
        }
        catch (IOException e)
        {
            // Standard output is closed or full: nobody is left to read a longer story.
            Console.Error.WriteLine("error: " + e.Message);
            return ExitCode.Failed;
        }
        catch (Exception e)
        {
            bool verbose = args.Contains("--verbose") || args.Contains("-v");
            Console.Error.WriteLine(verbose
                ? $"unexpected error: {e}"
                : $"unexpected error: {e.Message} ({e.GetType().Name}; --verbose shows where)");
            return ExitCode.Failed;
        }
    }
}
