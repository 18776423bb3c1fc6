using System.Text;
using NormLayers.Cli.Output;
using NormLayers.Lab.Data;

namespace NormLayers.Cli.Configuration;

/// <summary>Reads small text files that users write.</summary>
internal static class TextFile
{
    private const int LargestSize = 1 << 20;

    private static readonly UTF8Encoding _strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Whether anything has the name: a folder or a link that leads nowhere is not passed over as if there were nothing.</summary>
    public static bool IsThere(string path) => Path.Exists(path) || new FileInfo(path).LinkTarget is not null;

    /// <summary>The text of a file; null, with an error added, if it cannot be read, is too large or is not UTF-8.</summary>
    public static string? Read(string path, Origin origin, List<Diagnostic> errors, bool mayBePipe = true)
    {
        if (ReadablePath.FindProblem(path, mayBePipe) is { } unreadable)
        {
            errors.Add(new Diagnostic(origin, unreadable));
            return null;
        }

        string? problem;
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);

            // A device or pipe has no length to trust, so the limit is on what is read.
            byte[] bytes = new byte[LargestSize + 1];
            int count = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (count <= LargestSize)
            {
                string text = _strictUtf8.GetString(bytes, 0, count);
                return text.StartsWith('\uFEFF') ? text[1..] : text;
            }

            problem = FormattableString.Invariant($"is larger than {LargestSize / 1024} KiB; is it the right file?");
        }
        catch (DecoderFallbackException e)
        {
            problem = FormattableString.Invariant($"is not UTF-8 text (byte {e.Index})");
        }
        catch (Exception e) when (FileProblem.IsOne(e))
        {
            problem = FileProblem.Reading(e, path);
        }

        errors.Add(new Diagnostic(origin, $"'{path}' {problem}"));
        return null;
    }
}
