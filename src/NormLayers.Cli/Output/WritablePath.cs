using NormLayers.Lab.Data;

namespace NormLayers.Cli.Output;

/// <summary>Finds out whether a file can be written, without leaving a trace.</summary>
internal static class WritablePath
{
    private const int MostLinks = 40;

    // What lies here is no file but a device or a window into the kernel: renaming a file over it would destroy it.
    private static readonly string[] _specialFolders = OperatingSystem.IsWindows() ? [@"\\.\", @"\\?\"] : ["/dev/", "/proc/", "/sys/"];
    private const string SharedMemory = "/dev/shm/";

    /// <summary>The file that is meant, links followed in its folders too, so that a link goes on pointing where its owner put it.</summary>
    /// <exception cref="IOException">Links lead in a circle.</exception>
    public static string Resolve(string path) => Follow(Path.GetFullPath(path), 0);

    /// <summary>
    /// Why a file cannot be written, or null if it can; missing folders count as writable where they can be created. It is looked up by the very
    /// names that <see cref="AtomicFile"/> writes.
    /// </summary>
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

            if (LinuxFile.Find(full)?.SpecialKind is { } kind)
            {
                return $"'{path}' is a {kind}, not a file";
            }

            return Exists(full) ? ProbeFile(path, full) : ProbeFolder(path, Path.GetDirectoryName(full)!);
        }
        catch (Exception e) when (FileProblem.IsOne(e))
        {
            return $"'{path}' {FileProblem.Writing(e, path)}";
        }
    }

    // A file that is there is replaced where that is possible, and else written in place: what matters is that it may be written.
    private static string? ProbeFile(string path, string full)
    {
        if (IsReadOnly(full))
        {
            return $"'{path}' cannot be written: it is read-only";
        }

        using FileStream probe = new(full, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        return null;
    }

    // To the runtime a file of another user that only its owner may write is read-only too; opening it tells that.
    private static bool IsReadOnly(string full)
    {
        const UnixFileMode Writes = UnixFileMode.UserWrite | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
        return File.GetAttributes(full).HasFlag(FileAttributes.ReadOnly) && (OperatingSystem.IsWindows() || (File.GetUnixFileMode(full) & Writes) == 0);
    }

    private static string? ProbeFolder(string path, string folder)
    {
        // A name that is too long shows here, in folders that are still to be created too.
        _ = Exists(TemporaryFile.NameIn(folder));
        while (!Directory.Exists(folder))
        {
            if (Exists(folder))
            {
                return $"'{path}' cannot be written: '{folder}' is a file, not a folder";
            }

            folder = Path.GetDirectoryName(folder)!;
        }

        string probe;
        using (FileStream stream = TemporaryFile.Create(folder, secret: false))
        {
            probe = stream.Name;
        }

        File.Delete(probe);
        return null;
    }

    private static bool Exists(string full)
    {
        try
        {
            _ = File.GetAttributes(full);
            return true;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
    }

    private static string Follow(string full, int links)
    {
        if (links > MostLinks)
        {
            throw new IOException("its links lead in a circle");
        }

        string current = Path.GetPathRoot(full)!;
        foreach (string name in full[current.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            current = Path.Combine(current, name);
            if (new FileInfo(current).LinkTarget is { } target)
            {
                current = Follow(Path.GetFullPath(target, Path.GetDirectoryName(current)!), links + 1);
            }
        }

        return current;
    }

    private static bool IsSpecial(string full) =>
        _specialFolders.Any(f => full.StartsWith(f, StringComparison.Ordinal)) && !full.StartsWith(SharedMemory, StringComparison.Ordinal);
}
