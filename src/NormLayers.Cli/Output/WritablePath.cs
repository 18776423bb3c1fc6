namespace NormLayers.Cli.Output;

/// <summary>Finds out whether a file can be written, without leaving a trace.</summary>
internal static class WritablePath
{
    /// <summary>Why a file cannot be written, or null if it can; missing folders count as writable where they can be made.</summary>
    public static string? FindProblem(string path)
    {
        try
        {
            string full = Path.GetFullPath(path);
            if (Directory.Exists(full) || Path.EndsInDirectorySeparator(path))
            {
                return $"'{path}' is a folder, not a file";
            }

            if (File.Exists(full))
            {
                using FileStream existing = new(full, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            }

            string folder = Path.GetDirectoryName(full)!;
            while (!Directory.Exists(folder))
            {
                if (File.Exists(folder))
                {
                    return $"cannot write '{path}': '{folder}' is a file, not a folder";
                }

                folder = Path.GetDirectoryName(folder)!;
            }

            using FileStream probe = new(
                Path.Combine(folder, $".normlayers-{Guid.NewGuid():N}"), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return $"cannot write '{path}': permission denied";
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException)
        {
            return $"cannot write '{path}': {e.Message}";
        }
    }
}
