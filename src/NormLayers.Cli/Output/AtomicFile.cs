namespace NormLayers.Cli.Output;

/// <summary>Writes files that are there whole or not at all.</summary>
internal static class AtomicFile
{
    /// <summary>Writes beside the file, flushes to the disk, and renames over what was there; folders are made.</summary>
    /// <exception cref="IOException">The file cannot be written; what was there still is.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        // Hours may have passed since the path was checked.
        if (WritablePath.FindProblem(path) is { } problem)
        {
            throw new IOException(problem);
        }

        string full = WritablePath.Resolve(path);
        string folder = Path.GetDirectoryName(full)!;
        Directory.CreateDirectory(folder);
        string beside = Path.Combine(folder, $".{Path.GetFileName(full)}.{Guid.NewGuid():N}");
        try
        {
            using (FileStream stream = new(beside, FileMode.CreateNew, FileAccess.Write))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            File.Move(beside, full, overwrite: true);
        }
        catch
        {
            File.Delete(beside);
            throw;
        }
    }
}
