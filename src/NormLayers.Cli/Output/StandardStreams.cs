using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace NormLayers.Cli.Output;

/// <summary>
/// Standard output and standard error where either may be gone: closed, on a full disk, or a terminal that was shut. What standard error
/// cannot take is dropped, as no message is worth the work; what standard output cannot take is an <see cref="IOException"/> that says so.
/// </summary>
internal static class StandardStreams
{
    private const int Input = 0;
    private const int Output = 1;
    private const int Error = 2;

    private static bool _hasOutput = true;

    /// <summary>Whether standard input was open when the process began.</summary>
    public static bool HasInput { get; private set; } = true;

    /// <summary>Puts the guards in; to be called first.</summary>
    [SuppressMessage("Reliability", "CA2000", Justification = "They live as long as the process.")]
    public static void Guard()
    {
        Console.SetError(new GuardedWriter(IsInherited(Error) ? Console.Error : null, _ => { }));
        _hasOutput = IsInherited(Output);
        HasInput = IsInherited(Input);
        Console.SetOut(new GuardedWriter(_hasOutput ? Console.Out : null, e => throw CannotWrite(e)));
    }

    /// <summary>Writes one line to standard error; control characters in it are escaped.</summary>
    public static void WriteError(string line) => Console.Error.WriteLine(Printable.Line(line));

    private static void WriteDocument(ReadOnlySpan<byte> document)
    {
        try
        {
            using Stream stdout = _hasOutput ? Console.OpenStandardOutput() : throw Closed();
            stdout.Write(document);
            stdout.Flush();
        }
        catch (Exception e) when (IsFailure(e))
        {
            throw CannotWrite(e);
        }
    }

    /// <summary>Shows a result on standard output; a failure is told, not thrown.</summary>
    /// <param name="json">Whether to write the document and not the text.</param>
    /// <param name="document">The result as JSON.</param>
    /// <param name="text">The result for people.</param>
    /// <param name="reportFailure">Is told why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    public static bool TryShow(bool json, byte[] document, string text, Action<string> reportFailure)
    {
        try
        {
            if (json)
            {
                WriteDocument(document);
            }
            else
            {
                Console.Out.WriteLine(Printable.Lines(text));
            }

            return true;
        }
        catch (IOException e)
        {
            reportFailure(e.Message);
            return false;
        }
    }

    private static bool IsFailure(Exception e) => e is IOException or UnauthorizedAccessException or NotSupportedException or ObjectDisposedException;

    private static IOException Closed() => new("it is closed");

    private static IOException CannotWrite(Exception cause) => new("could not write to standard output: " + cause.Message, cause);

    // The runtime opens its first files under the numbers of closed ones, a pipe of its own among them. Only what this process
    // opened itself is marked to be closed in a process that it starts (O_CLOEXEC): nothing inherited can be.
    private static bool IsInherited(int descriptor)
    {
        const int CloseOnExec = 0x80000;
        const string Field = "flags:";
        if (!OperatingSystem.IsLinux())
        {
            return true;
        }

        try
        {
            string? flags = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fdinfo/{descriptor}"))
                .FirstOrDefault(l => l.StartsWith(Field, StringComparison.Ordinal));
            return flags is null || (Convert.ToInt32(flags[Field.Length..].Trim(), 8) & CloseOnExec) == 0;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return !Directory.Exists("/proc/self/fdinfo");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    /// <summary>Passes on what it is given, and a failure to its creator.</summary>
    private sealed class GuardedWriter(TextWriter? inner, Action<Exception> onFailure) : TextWriter(CultureInfo.InvariantCulture)
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => Try(w => w.Write(value));

        public override void Write(char[] buffer, int index, int count) => Try(w => w.Write(buffer, index, count));

        public override void Write(string? value) => Try(w => w.Write(value));

        public override void WriteLine(string? value) => Try(w => w.WriteLine(value));

        public override void Flush() => Try(w => w.Flush());

        private void Try(Action<TextWriter> write)
        {
            try
            {
                write(inner ?? throw Closed());
            }
            catch (Exception e) when (IsFailure(e))
            {
                onFailure(e);
            }
        }
    }
}
