namespace NormLayers.Tests.Packaging;

/// <summary>What a command gave.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Its standard output.</param>
public sealed record CommandResult(int ExitCode, string Output)
{
    public CommandResult Expect(int exitCode)
    {
        Assert.True(exitCode == ExitCode, $"exit code {ExitCode} instead of {exitCode}\n{Output}");
        return this;
    }
}
