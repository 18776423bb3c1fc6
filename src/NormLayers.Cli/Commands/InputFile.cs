using NormLayers.Cli.Configuration;
using NormLayers.Cli.Output;
using NormLayers.Lab.Data;

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
            using FileStream stream = File.OpenRead(path);
            return read(stream);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException or NotSupportedException)
        {
            errors.Add(new Diagnostic(Origin.Flag(flag), $"'{path}' {FileProblem.Reading(e, path)}"));
        }

        return null;
    }
}
