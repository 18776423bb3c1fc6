using NormLayers.Cli.Output;

namespace NormLayers.Cli.Commands;

/// <summary>Writes the files that a user requested.</summary>
internal static class ResultFile
{
    /// <summary>Tells the user what failed.</summary>
    public static void ReportFailure(string message) => StandardStreams.WriteError("error: " + message);

    /// <summary>Writes one file and says so on standard error.</summary>
    /// <param name="path">The file; null if none was requested.</param>
    /// <param name="what">What it holds, in words.</param>
    /// <param name="content">Makes its bytes.</param>
    /// <param name="quiet">Whether to say nothing about a success.</param>
    /// <param name="reportFailure">Is told why it could not be written.</param>
    /// <returns>Whether it was written, or none was requested.</returns>
    public static bool TryWrite(string? path, string what, Func<byte[]> content, bool quiet, Action<string> reportFailure)
    {
        if (path is null)
        {
            return true;
        }

        try
        {
            AtomicFile.Write(path, content());
        }
        catch (IOException e)
        {
            reportFailure($"could not write the {what}: {e.Message}");
            return false;
        }

        if (!quiet)
        {
            StandardStreams.WriteError($"{what} written to {path}");
        }

        return true;
    }
}
