using System.Runtime.InteropServices;

namespace NormLayers.Cli.Commands;

/// <summary>
/// Turns the first Ctrl+C, SIGTERM or SIGHUP into a request to stop; a second Ctrl+C or SIGTERM ends the process at once. A second SIGHUP
/// does not, as shell and kernel may both send one when a terminal is closed. Under nohup, SIGHUP stays without effect.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;
    private readonly PosixSignalRegistration _hangUp;

    public Interruption()
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle);
        _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Handle);
    }

    public CancellationToken Token => _source.Token;

    /// <summary>The exit code that says which signal it was.</summary>
    public int ExitCode { get; private set; } = Commands.ExitCode.Interrupted;

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        _hangUp.Dispose();
        _source.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        bool first = !_source.IsCancellationRequested;
        context.Cancel = first || context.Signal == PosixSignal.SIGHUP;
        if (first)
        {
            ExitCode = context.Signal switch
            {
                PosixSignal.SIGTERM => Commands.ExitCode.Terminated,
                PosixSignal.SIGHUP => Commands.ExitCode.HungUp,
                _ => Commands.ExitCode.Interrupted,
            };
            _source.Cancel();
        }
    }
}
