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

    /// <summary>Opens a report in a frame of a given width, and says how wide its content is, whether its charts fit, and how many are drawn.</summary>
    public static string Measure(string path, int width)
    {
        string wrapper = Path.Combine(Path.GetDirectoryName(path)!, "frame.html");
        File.WriteAllText(wrapper, $$"""
            <!doctype html><body><iframe style="width:{{width}}px;height:20000px;border:0"></iframe><script>
            const frame = document.querySelector("iframe");
            frame.onload = () => setTimeout(() => {
              const page = frame.contentDocument;
              const plots = [...page.querySelectorAll(".plot")];
              const fit = plots.every((p) => p.querySelector("svg").getBoundingClientRect().right <= p.closest("figure").getBoundingClientRect().right);
              document.title = `page ${page.documentElement.scrollWidth} charts ${fit ? "fit" : "overflow"} drawn ${plots.filter((p) => p.dataset.drawn).length}`;
            }, 5000);
            frame.srcdoc = new TextDecoder().decode(Uint8Array.from(atob("{{Convert.ToBase64String(File.ReadAllBytes(path))}}"), (c) => c.charCodeAt(0)));
            </script></body>
            """);
        Match title = Regex.Match(Open(wrapper).Page, "<title>(.*?)</title>");
        return title.Groups[1].Value;
    }

    private static string? Find()
    {
        string[] names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator);
        return Environment.GetEnvironmentVariable("CHROMIUM")
            ?? names.SelectMany(n => folders.Select(f => Path.Combine(f, n))).FirstOrDefault(File.Exists);
    }
}
