using Microsoft.Extensions.Logging;
using NormLayers.Cli.Configuration;
using Serilog;
using Serilog.Core;
using Serilog.Events;

namespace NormLayers.Cli.Output;

/// <summary>The log of a run: a file that is appended to.</summary>
internal static class RunLog
{
    private const string Template = "{Timestamp:yyyy-MM-dd HH:mm:ss.fff zzz} {Level:u3} {Message:lj}{NewLine}{Exception}";

    /// <summary>Opens the log, making its folder; nothing has been written before.</summary>
    /// <param name="path">The file; null logs nowhere.</param>
    /// <param name="level">The least level that is kept.</param>
    /// <returns>The owner of the file; dispose it to flush.</returns>
    public static ILoggerFactory Open(string? path, LoggingLevel level)
    {
        LoggerConfiguration configuration = new LoggerConfiguration().MinimumLevel.Is(level switch
        {
            LoggingLevel.Debug => LogEventLevel.Debug,
            LoggingLevel.Info => LogEventLevel.Information,
            LoggingLevel.Warning => LogEventLevel.Warning,
            _ => LogEventLevel.Error,
        });
        if (path is not null)
        {
            configuration = configuration.WriteTo.File(
                path, outputTemplate: Template, formatProvider: System.Globalization.CultureInfo.InvariantCulture, shared: false, fileSizeLimitBytes: null);
        }

        Logger logger = configuration.CreateLogger();
        return LoggerFactory.Create(builder => builder.SetMinimumLevel(LogLevel.Trace).AddSerilog(logger, dispose: true));
    }
}
