using System.Globalization;

namespace NormLayers.Lab.Data;

/// <summary>A data file is missing, unreadable, or does not hold what it should.</summary>
/// <remarks>The message is one sentence for the file's owner: the file, where in it, what was expected and what came.</remarks>
public sealed class DataFormatException : Exception
{
    /// <summary>Creates the exception; its message is <paramref name="path"/>, the place and <paramref name="problem"/>.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="problem">What was expected and what came, as a sentence.</param>
    /// <param name="line">The line of a text file, counted from 1.</param>
    /// <param name="byteOffset">The position in a binary file, counted from 0, after unpacking.</param>
    /// <param name="innerException">What the operating system or the unpacking reported.</param>
    public DataFormatException(
        string path, string problem, long? line = null, long? byteOffset = null, Exception? innerException = null)
        : base($"{path}{Place(line, byteOffset)}: {problem}", innerException)
    {
        Path = path;
        Line = line;
        ByteOffset = byteOffset;
    }

    /// <summary>Says why a file or folder cannot be read, in the words for every file.</summary>
    internal DataFormatException(string path, Exception failure)
        : this(FileProblem.Reading(failure, path), path, failure)
    {
    }

    /// <summary>The same for what was found without an exception.</summary>
    internal DataFormatException(string reason, string path, Exception? failure)
        : base($"'{path}' {reason}", failure) => Path = path;

    /// <summary>The file or folder.</summary>
    public string Path { get; }

    /// <summary>The line of a text file, counted from 1; null where no line is to blame.</summary>
    public long? Line { get; }

    /// <summary>The position in a binary file, counted from 0, after unpacking; null where no byte is to blame.</summary>
    public long? ByteOffset { get; }

    private static string Place(long? line, long? byteOffset) =>
        line is not null ? string.Create(CultureInfo.InvariantCulture, $", line {line}")
        : byteOffset is not null ? string.Create(CultureInfo.InvariantCulture, $", byte {byteOffset}")
        : "";
}
