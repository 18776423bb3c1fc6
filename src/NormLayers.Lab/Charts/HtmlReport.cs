using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace NormLayers.Lab.Charts;

/// <summary>Writes a report as one HTML file that needs nothing else: it asks no network for anything, and its policy forbids it to.</summary>
public sealed class HtmlReport
{
    private static readonly HtmlEncoder _encoder = HtmlEncoder.Create(UnicodeRanges.All);
    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    private readonly StringBuilder _html = new();

    private HtmlReport()
    {
    }

    /// <summary>The page: the same report gives the same bytes.</summary>
    /// <param name="report">What it says.</param>
    /// <param name="program">The program that the footer names, with its version; null names this library.</param>
    /// <returns>The page, in UTF-8.</returns>
    public static byte[] ToUtf8(LabReport report, string? program = null)
    {
        ArgumentNullException.ThrowIfNull(report);
        HtmlReport page = new();
        page.Write(report, program ?? $"NormLayers.Lab {VersionOf(typeof(HtmlReport))}");
        return Encoding.UTF8.GetBytes(page._html.ToString());
    }

    /// <summary>A text that shows as it is, in an element and in a quoted attribute.</summary>
    internal static string Escape(string text) => _encoder.Encode(text);

    private void Write(LabReport report, string program)
    {
        string library = ReadResource("plotly.js");
        string script = ReadResource("report.js");
        _html.Append(CultureInfo.InvariantCulture, $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src {HashOf(library)} {HashOf(script)}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Escape(report.Title)}</title>
            <style>
            {ReadResource("report.css")}</style>
            </head>
            <body>
            <header>
            <h1>{Escape(report.Title)}</h1>

            """);
        foreach (string words in report.Words)
        {
            _html.Append(CultureInfo.InvariantCulture, $"<p>{Escape(words)}</p>\n");
        }

        _html.Append("</header>\n<main>\n<h2 id=\"summary\">Summary</h2>\n");
        Write(report.Summary, "summary");
        for (int i = 0; i < report.Tables.Count; i++)
        {
            string id = string.Create(CultureInfo.InvariantCulture, $"table-{i + 1}");
            _html.Append(CultureInfo.InvariantCulture, $"<h2 id=\"{id}\">{Escape(report.Tables[i].Title)}</h2>\n");
            Write(report.Tables[i].Table, id);
        }

        _html.Append("<noscript><p>The charts need JavaScript; the tables have all their numbers.</p></noscript>\n<div class=\"charts\">\n");
        for (int i = 0; i < report.Charts.Count; i++)
        {
            Write(report.Charts[i], i + 1);
        }

        _html.Append(CultureInfo.InvariantCulture, $"""
            </div>
            <h2 id="configuration">Configuration</h2>
            <div class="scroll" role="region" tabindex="0" aria-labelledby="configuration"><pre>{Escape(report.Configuration.ToJsonString(_indented))}</pre></div>
            </main>
            <footer>
            <p>Written by {Escape(Short(program))}, library {Escape(Short(VersionOf(typeof(Layer))))}, {Escape(RuntimeInformation.FrameworkDescription)}.
            Charts by Plotly.js (MIT licence), which is in this file; nothing is loaded from anywhere.</p>
            </footer>
            <script>{library}</script>
            <script>{script}</script>
            </body>
            </html>

            """);
    }

    private void Write(Chart chart, int number)
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"chart-{number}");
        _html.Append(CultureInfo.InvariantCulture, $"""
            <figure>
            <h2 id="{id}">{Escape(chart.Title)}</h2>
            <div class="plot{(chart is HeatMap ? " tall" : string.Empty)}" role="img" tabindex="0" aria-labelledby="{id}" aria-describedby="{id}-words"></div>
            <output aria-live="polite"></output>
            <figcaption id="{id}-words"><p>{Escape(chart.Words)}</p></figcaption>
            <details>
            <summary id="{id}-numbers">The numbers of this chart</summary>

            """);
        Write(chart.ToTable(), id + "-numbers");

        // The default encoder of JSON leaves no "<" as it is, so that no text can end the element.
        _html.Append(CultureInfo.InvariantCulture, $"</details>\n<script type=\"application/json\">{PlotlyFigure.From(chart).ToJsonString()}</script>\n</figure>\n");
    }

    private void Write(Table table, string labelledBy)
    {
        _html.Append(CultureInfo.InvariantCulture, $"<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"{labelledBy}\">\n<table>\n<thead><tr>");
        foreach (string name in table.Header)
        {
            _html.Append(CultureInfo.InvariantCulture, $"<th scope=\"col\">{Escape(name)}</th>");
        }

        _html.Append("</tr></thead>\n<tbody>\n");
        foreach (IReadOnlyList<string> row in table.Rows)
        {
            _html.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Escape(row[0])}</th>");
            foreach (string cell in row.Skip(1))
            {
                _html.Append(CultureInfo.InvariantCulture, $"<td>{Escape(cell)}</td>");
            }

            _html.Append("</tr>\n");
        }

        _html.Append("</tbody>\n</table>\n</div>\n");
    }

    private static string HashOf(string script) => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(script)))}'";

    private static string ReadResource(string name)
    {
        using StreamReader reader = new(Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!);

        // A browser reads each line end of a page as \n, and hashes what it read.
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }

    private static string VersionOf(Type type) =>
        type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    // A commit is known by its first characters.
    private static string Short(string version) =>
        version.IndexOf('+', StringComparison.Ordinal) is > 0 and int plus ? version[..Math.Min(version.Length, plus + 8)] : version;
}
