namespace NormLayers.Lab.Data;

/// <summary>Opens data files, plain or gzip, and turns every way this can fail into a <see cref="DataFormatException"/>.</summary>
internal static class DataFile
{
    public const string GzipExtension = ".gz";

    /// <summary>Parses a file, unpacked if it begins as gzip does, or its name ends in <c>.gz</c>: the beginning of a pipe is not looked at.</summary>
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

    /// <summary>Parses a file's content, unpacked as in <see cref="Read{T}(string, Func{Stream, T})"/>.</summary>
    public static T Read<T>(Stream content, string path, Func<Stream, T> parse)
    {
        if (!path.EndsWith(GzipExtension, StringComparison.OrdinalIgnoreCase) && !BeginsAsGzip(content))
        {
            return parse(content);
        }

        using GzipContent unpacked = new(content, path);
        return parse(unpacked);
    }

    private static bool BeginsAsGzip(Stream content)
    {
        if (!content.CanSeek)
        {
            return false;
        }

        long start = content.Position;
        bool isGzip = content.ReadByte() == 0x1F && content.ReadByte() == 0x8B;
        content.Position = start;
        return isGzip;
    }
}
