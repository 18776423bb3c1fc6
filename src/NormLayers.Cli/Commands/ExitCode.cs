namespace NormLayers.Cli.Commands;

/// <summary>What the tool returns to the shell.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int Mismatch = 3;
    public const int HungUp = 129;
    public const int Interrupted = 130;
    public const int Terminated = 143;
}
