using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using NormLayers.Lab.Data;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;

namespace NormLayers.Cli.Output;

/// <summary>
/// The file of the log. Several runs may append to it at once: each event is one line and one write, and on Linux the system puts each write
/// at the end. (Serilog's own file writes where this process saw the end last; its shared one relies on a lock that processes of another
/// terminal or user do not see.) What cannot be written is told once, and the run goes on.
/// </summary>
internal sealed class LogFile : ILogEventSink, IDisposable
{
    private readonly string _path;
    private readonly ITextFormatter _formatter;
    private readonly SafeFileHandle? _file;
    private readonly Lock _lock = new();
    private bool _failed;
    private bool _told;

    /// <summary>Opens the file, making its folder.</summary>
    public LogFile(string path, ITextFormatter formatter)
    {
        (_path, _formatter) = (path, formatter);
        try
        {
            string full = WritablePath.Resolve(path);
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            _file = Open(full);
        }
        catch (Exception e) when (AtomicFile.IsFailure(e))
        {
            Tell(e);
        }
    }

    public void Emit(LogEvent logEvent)
    {
        using StringWriter text = new(CultureInfo.InvariantCulture);
        _formatter.Format(logEvent, text);
        string line = Printable.Escape(text.ToString().TrimEnd('\r', '\n')) + "\n";
        lock (_lock)
        {
            Write(line);
        }
    }

    public void Dispose() => _file?.Dispose();

    private static SafeFileHandle Open(string full)
    {
        SafeFileHandle made = File.OpenHandle(full, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        if (!OperatingSystem.IsLinux())
        {
            return made;
        }

        made.Dispose();
        return LinuxFile.OpenToAppend(full);
    }

    private void Write(string line)
    {
        if (_file is null)
        {
            return;
        }

        try
        {
            // After a line that was cut off by a full disk the next one begins anew.
            RandomAccess.Write(_file, Encoding.UTF8.GetBytes(_failed ? "\n" + line : line), RandomAccess.GetLength(_file));
            _failed = false;
        }
        catch (Exception e) when (AtomicFile.IsFailure(e))
        {
            Tell(e);
            _failed = true;
        }
    }

    private void Tell(Exception e)
    {
        if (!_told)
        {
            _told = true;
            StandardStreams.WriteError($"warning: the log '{_path}' {FileProblem.Writing(e, _path)}; the run goes on");
        }
    }
}
