using NormLayers.Lab.Data;

namespace NormLayers.Cli.Output;

/// <summary>Writes files that are there whole or not at all.</summary>
internal static class AtomicFile
{
    /// <summary>
    /// Writes beside the file, flushes to the disk, and renames over what was there; folders are created, and owner and permissions kept. Where a
    /// file can be written but not replaced (a mount point, another user's file in a shared folder), it is written in place.
    /// </summary>
    /// <exception cref="IOException">The file cannot be written; what was there still is, unless the disk filled up while it was written in place.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        // Hours may have passed since the path was checked.
        if (WritablePath.FindProblem(path) is { } problem)
        {
            throw new IOException(problem);
        }

        try
        {
            string full = WritablePath.Resolve(path);
            string folder = Path.GetDirectoryName(full)!;
            Directory.CreateDirectory(folder);
            TemporaryFile.Clean(folder);
            bool exists = File.Exists(full);
            if (!TryReplace(full, folder, exists, content))
            {
                WriteInPlace(full, content);
            }
        }
        catch (Exception e) when (IsFailure(e))
        {
            throw new IOException($"'{path}' {FileProblem.Writing(e, path)}", e);
        }
    }

    /// <summary>Whether a file could not be written. A file that would be larger than the system allows is an argument out of range to the runtime.</summary>
    public static bool IsFailure(Exception e) => e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException;

    private static bool TryReplace(string full, string folder, bool exists, ReadOnlySpan<byte> content)
    {
        using FileStream? stream = TryCreate(folder, exists);
        if (stream is null || (exists && !TryKeepOwnerAndMode(full, stream)))
        {
            Remove(stream);
            return false;
        }

        bool replaced = false;
        try
        {
            stream.Write(content);
            stream.Flush(flushToDisk: true);
            replaced = TryMove(stream.Name, full, exists);
        }
        finally
        {
            if (!replaced)
            {
                Remove(stream);
            }
        }

        LinuxFile.FlushFolder(folder);
        return replaced;
    }

    private static FileStream? TryCreate(string folder, bool exists)
    {
        try
        {
            return TemporaryFile.Create(folder, secret: exists);
        }
        catch (UnauthorizedAccessException) when (exists)
        {
            return null;
        }
    }

    private static void Remove(FileStream? stream)
    {
        if (stream is not null)
        {
            File.Delete(stream.Name);
        }
    }

    private static bool TryMove(string from, string to, bool exists)
    {
        try
        {
            File.Move(from, to, overwrite: true);
            return true;
        }
        catch (Exception e) when (exists && e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool TryKeepOwnerAndMode(string full, FileStream stream)
    {
        if (OperatingSystem.IsWindows())
        {
            return true;
        }

        // The owner first: changing it takes special permissions away.
        if (LinuxFile.Find(full) is { } old && LinuxFile.Find(stream.Name) is { } fresh && (old.User, old.Group) != (fresh.User, fresh.Group)
            && !LinuxFile.TryChangeOwner(stream.SafeFileHandle, old.User, old.Group))
        {
            return false;
        }

        File.SetUnixFileMode(stream.SafeFileHandle, File.GetUnixFileMode(full));
        return true;
    }

    private static void WriteInPlace(string full, ReadOnlySpan<byte> content)
    {
        using FileStream stream = new(full, FileMode.Open, FileAccess.Write, FileShare.Read);
        stream.Write(content);
        stream.SetLength(content.Length);
        stream.Flush(flushToDisk: true);
    }
}
