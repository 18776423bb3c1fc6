namespace NormLayers.Cli.Output;

/// <summary>Finds out whether a file can be written, without leaving a trace.</summary>
internal static class WritablePath
{
    // What lies here is no file but a device or a window into the kernel: renaming a file over it would destroy it.
    private static readonly string[] _specialFolders = OperatingSystem.IsWindows() ? [@"\\.\", @"\\?\"] : ["/dev/", "/proc/", "/sys/"];
    private const string SharedMemory = "/dev/shm/";

    /// <summary>The file that is meant, links followed, so that a link goes on pointing where its owner put it.</summary>
    public static string Resolve(string path)
    {
        FileInfo file = new(Path.GetFullPath(path));
        return file.LinkTarget is null ? file.FullName : file.ResolveLinkTarget(returnFinalTarget: true)!.FullName;
    }

    /// <summary>Why a file cannot be written, or null if it can; missing folders count as writable where they can be made.</summary>
    public static string? FindProblem(string path)
    {
        try
        {
            string full = Resolve(path);
            if (IsSpecial(Path.GetFullPath(path)) || IsSpecial(full))
            {
                return $"'{path}' is a device, not a file";
            }

            if (Directory.Exists(full) || Path.EndsInDirectorySeparator(path))
            {
                return $"'{path}' is a folder, not a file";
            }

            if (File.Exists(full) && File.GetAttributes(full).HasFlag(FileAttributes.ReadOnly))
            {
                return $"cannot write '{path}': the file is read-only";
            }

            return ProbeFolder(path, Path.GetDirectoryName(full)!);
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

    private static string? ProbeFolder(string path, string folder)
    {
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

    private static bool IsSpecial(string full) =>
        _specialFolders.Any(f => full.StartsWith(f, StringComparison.Ordinal)) && !full.StartsWith(SharedMemory, StringComparison.Ordinal);
}
