using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Extensions.Logging;
using NormLayers.Cli.Configuration;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Display;

namespace NormLayers.Cli.Output;

/// <summary>The log of a run.</summary>
internal static class RunLog
{
    private const string Template = "{Timestamp:yyyy-MM-dd HH:mm:ss.fff zzz} {Level:u3} {Message:lj}{NewLine}{Exception}";

    /// <summary>Opens the log, making its folder; nothing has been written before.</summary>
    /// <param name="path">The file; null logs nowhere.</param>
    /// <param name="level">The least level that is kept.</param>
    /// <returns>The owner of the file; dispose it to flush.</returns>
    [SuppressMessage("Reliability", "CA2000", Justification = "The logger disposes of its sinks.")]
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
            configuration = configuration.WriteTo.Sink(new LogFile(path, new MessageTemplateTextFormatter(Template, CultureInfo.InvariantCulture)));
        }

        Logger logger = configuration.CreateLogger();
        return LoggerFactory.Create(builder => builder.SetMinimumLevel(LogLevel.Trace).AddSerilog(logger, dispose: true));
    }
}
