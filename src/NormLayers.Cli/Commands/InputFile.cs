using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;

namespace NormLayers.Cli.Commands;

/// <summary>Reads the files that flags name.</summary>
internal static class InputFile
{
    /// <summary>Reads one file, or says what is wrong with it.</summary>
    /// <param name="flag">The flag that names it.</param>
    /// <param name="path">The file.</param>
    /// <param name="read">Reads its content; an <see cref="InvalidDataException"/> says what is wrong with that.</param>
    /// <param name="errors">Receives what is wrong.</param>
    /// <returns>What was read; null after an error.</returns>
    public static T? Read<T>(string flag, string path, Func<Stream, T> read, List<Diagnostic> errors)
        where T : class
    {
        if (ReadablePath.FindProblem(path) is { } problem)
        {
            errors.Add(new Diagnostic(Origin.Flag(flag), problem));
            return null;
        }

        try
        {
            if (Directory.Exists(path))
            {
                throw new InvalidDataException("expected a file, got a folder.");
            }

            using FileStream stream = File.OpenRead(path);
            return read(stream);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            errors.Add(new Diagnostic(Origin.Flag(flag), $"the file '{path}' does not exist"));
        }
        catch (UnauthorizedAccessException)
        {
            errors.Add(new Diagnostic(Origin.Flag(flag), $"cannot read '{path}': permission denied"));
        }
        catch (Exception e) when (e is InvalidDataException or IOException or NotSupportedException)
        {
            errors.Add(new Diagnostic(Origin.Flag(flag), $"cannot read '{path}': {e.Message}"));
        }

        return null;
    }
}
