using System.Globalization;

namespace NormLayers.Cli.Output;

/// <summary>Which file a path leads to, however it is written: through links, hard links or mounts; for a file that is not there yet, which it will be.</summary>
internal sealed class FileIdentity
{
    // Of the file, its folder, and so on to the root.
    private readonly List<string> _keys = [];

    private FileIdentity(string full)
    {
        for (string? path = full; path is not null; path = Path.GetDirectoryName(path))
        {
            _keys.Add(KeyOf(path));
        }
    }

    /// <summary>The file of a path; null if the path cannot be followed, which <see cref="WritablePath.FindProblem"/> reports.</summary>
    public static FileIdentity? Find(string path)
    {
        try
        {
            return new FileIdentity(WritablePath.Resolve(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return null;
        }
    }

    public bool IsSameAs(FileIdentity other) => _keys[0] == other._keys[0];

    /// <summary>Whether it lies in a folder, at any depth.</summary>
    public bool IsInside(FileIdentity folder) => _keys.Skip(1).Contains(folder._keys[0]);

    public bool IsDirectlyIn(FileIdentity folder) => _keys.Count > 1 && _keys[1] == folder._keys[0];

    // The number of a file that is there; else its name in the nearest folder that is.
    private static string KeyOf(string path)
    {
        if (LinuxFile.Find(path) is { } status)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{status.Device}:{status.Inode}");
        }

        string name = OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? Path.GetFileName(path).ToUpperInvariant() : Path.GetFileName(path);
        return Path.GetDirectoryName(path) is { } folder ? KeyOf(folder) + "/" + name : path;
    }
}
