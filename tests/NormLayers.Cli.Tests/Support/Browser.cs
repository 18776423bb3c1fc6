using System.Diagnostics;
using System.Text.RegularExpressions;

namespace NormLayers.Cli.Tests.Support;

/// <summary>A headless Chromium, where there is one.</summary>
internal static class Browser
{
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(90);

    private static string? Executable { get; } = Find();

    /// <summary>Opens a file, lets its scripts run, and returns the page as it then is and what the console said.</summary>
    public static (string Page, string[] Console) Open(string path)
    {
        Assert.SkipWhen(Executable is null, "no Chromium was found; install the package chromium, or set CHROMIUM to its path");

        string profile = Directory.CreateTempSubdirectory("normlayers-chromium-").FullName;
        try
        {
            ProcessStartInfo start = new(Executable)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                ArgumentList =
                {
                    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                    "--disable-sync", "--disable-dev-shm-usage", $"--user-data-dir={profile}", "--virtual-time-budget=20000", "--enable-logging=stderr", "--dump-dom",
                    new Uri(path).AbsoluteUri,
                },
            };
            using Process process = Process.Start(start)!;
            Task<string> page = process.StandardOutput.ReadToEndAsync();
            Task<string> log = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(_longest))
            {
                process.Kill(entireProcessTree: true);
                Assert.Fail($"the browser did not end within {_longest.TotalSeconds} s");
            }

            return (page.GetAwaiter().GetResult(), [.. log.GetAwaiter().GetResult().Split('\n').Where(l => l.Contains("CONSOLE", StringComparison.Ordinal))]);
        }
        finally
        {
            Directory.Delete(profile, recursive: true);
        }
    }

    /// <summary>Opens a report in frames of given widths, and says of each how wide its content is, whether its charts fit, and how many are drawn.</summary>
    public static string[] Measure(string path, params int[] widths)
    {
        string wrapper = Path.Combine(Path.GetDirectoryName(path)!, "frame.html");
        File.WriteAllText(wrapper, $$"""
            <!doctype html><body><script>
            const text = new TextDecoder().decode(Uint8Array.from(atob("{{Convert.ToBase64String(File.ReadAllBytes(path))}}"), (c) => c.charCodeAt(0)));
            const seen = [];
            for (const width of [{{string.Join(',', widths)}}]) {
              const frame = document.body.appendChild(document.createElement("iframe"));
              frame.style = `display:block;width:${width}px;height:20000px;border:0`;
              frame.onload = () => setTimeout(() => {
                const page = frame.contentDocument;
                const plots = [...page.querySelectorAll(".plot")];
                const fit = plots.every((p) => p.querySelector("svg").getBoundingClientRect().right <= p.closest("figure").getBoundingClientRect().right);
                seen.push(`page ${page.documentElement.scrollWidth} charts ${fit ? "fit" : "overflow"} drawn ${plots.filter((p) => p.dataset.drawn).length}`);
                document.title = seen.toSorted().join("; ");
              }, 5000);
              frame.srcdoc = text;
            }
            </script></body>
            """);
        return Regex.Match(Open(wrapper).Page, "<title>(.*?)</title>").Groups[1].Value.Split("; ");
    }

    private static string? Find()
    {
        string[] names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator);
        return Environment.GetEnvironmentVariable("CHROMIUM")
            ?? names.SelectMany(n => folders.Select(f => Path.Combine(f, n))).FirstOrDefault(File.Exists);
    }
}
