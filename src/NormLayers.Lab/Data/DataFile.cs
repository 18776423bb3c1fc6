namespace NormLayers.Lab.Data;

/// <summary>Opens data files, plain or gzip, and turns every way this can fail into a <see cref="DataFormatException"/>.</summary>
internal static class DataFile
{
    public const string GzipExtension = ".gz";

    /// <summary>Parses a file, unpacked if its name ends in <c>.gz</c>.</summary>
    public static T Read<T>(string path, Func<Stream, T> parse)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            return Read(file, path, parse);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException(path, e);
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
