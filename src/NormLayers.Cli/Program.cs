using System.Diagnostics.CodeAnalysis;
using NormLayers.Cli.Commands;
using NormLayers.Cli.Output;

namespace NormLayers.Cli;

internal static class Program
{
    [SuppressMessage("Design", "CA1031", Justification = "The last resort: whatever was not foreseen becomes one line, not a trace.")]
    private static int Main(string[] args)
    {
        StandardStreams.Guard();
        try
        {
            return CommandLine.Run(args);
        }
        catch (FileNotFoundException) when (!HasWorkingFolder())
        {
            StandardStreams.WriteError("error: the working folder was deleted; change to another one");
        }
        catch (IOException e)
        {
            StandardStreams.WriteError("error: " + e.Message);
        }
        catch (OutOfMemoryException)
        {
            StandardStreams.WriteError("error: there is not enough memory for that; fewer samples or features, a narrower network or a smaller mini-batch need less");
        }
        catch (Exception e)
        {
            bool verbose = args.Contains("--verbose") || args.Contains("-v");
            StandardStreams.WriteError($"unexpected error: {e.Message} ({e.GetType().Name}{(verbose ? ")" : "; --verbose shows where)")}");
            if (verbose)
            {
                Console.Error.WriteLine(Printable.Lines(e.ToString()));
            }
        }

        return ExitCode.Failed;
    }

    private static bool HasWorkingFolder()
    {
        try
        {
            return Directory.GetCurrentDirectory().Length > 0;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }
}
