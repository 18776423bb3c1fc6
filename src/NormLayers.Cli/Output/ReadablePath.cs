namespace NormLayers.Cli.Output;

/// <summary>Finds out whether reading a path would come to an end.</summary>
internal static class ReadablePath
{
    private const string StandardInput = "/proc/self/fd/0";

    /// <summary>Why a path is not to be read, or null if it may be: a device that has no end, or the place of a standard input that is closed.</summary>
    /// <param name="path">The path.</param>
    /// <param name="mayBePipe">Whether a pipe or a socket will do.</param>
    public static string? FindProblem(string path, bool mayBePipe = true)
    {
        try
        {
            if (LinuxFile.Find(path) is not { } file)
            {
                return null;
            }

            // The runtime puts a pipe of its own in the place, which nobody ever writes to.
            return !StandardStreams.HasInput && LinuxFile.Find(StandardInput) is { } input && (file.Device, file.Inode) == (input.Device, input.Inode)
                ? $"'{path}' cannot be read: standard input is closed"
                : file.IsEndless || (!mayBePipe && file.SpecialKind is "pipe" or "socket") ? $"'{path}' is a {file.SpecialKind}, not a file"
                : null;
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            // What cannot be followed is told where it is read.
            return null;
        }
    }
}
