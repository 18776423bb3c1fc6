namespace NormLayers.Lab.Data;

/// <summary>Opens data files, plain or gzip, and turns every way this can fail into a <see cref="DataFormatException"/>.</summary>
internal static class DataFile
{
    public const string GzipExtension = ".gz";

    /// <summary>Parses a file, unpacked if its name ends in <c>.gz</c>.</summary>
    public static T Read<T>(string path, Func<Stream, T> parse)
    {
        if (Directory.Exists(path))
        {
            throw new DataFormatException(path, "expected a file, got a folder.");
        }

        try
        {
            using FileStream file = File.OpenRead(path);
            return Read(file, path, parse);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DataFormatException(path, "there is no such file.", innerException: e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new DataFormatException(path, "expected a file that may be read, got no permission.", innerException: e);
        }
        catch (IOException e)
        {
            // The lower half is the system's own number.
            throw new DataFormatException(path, FormattableString.Invariant($"expected a file that can be read, got error {e.HResult & 0xFFFF} of the system."), innerException: e);
        }
    }

    /// <summary>Parses a file's content, unpacked if its name ends in <c>.gz</c>.</summary>
    public static T Read<T>(Stream content, string path, Func<Stream, T> parse)
    {
        if (!path.EndsWith(GzipExtension, StringComparison.OrdinalIgnoreCase))
        {
            return parse(content);
        }

        using GzipContent unpacked = new(content, path);
        return parse(unpacked);
    }
}
