using System.Collections.Concurrent;

namespace NormLayers.Cli.Output;

/// <summary>Files that are written beside the ones they will replace. Their names tell them apart, so that files of killed runs can be removed.</summary>
internal static class TemporaryFile
{
    private const string Prefix = ".normlayers-";
    private const string Suffix = ".tmp";
    private const int Attempts = 5;

    private static readonly ConcurrentDictionary<string, bool> _cleaned = [];

    /// <summary>A name in a folder that no other file has.</summary>
    public static string NameIn(string folder) => Path.Combine(folder, $"{Prefix}{Guid.NewGuid().ToString("N")[..16]}{Suffix}");

    /// <summary>Creates one, and holds it so that nobody takes it for a killed run's.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="secret">Whether only its owner may read it.</param>
    public static FileStream Create(string folder, bool secret)
    {
        FileStreamOptions options = new()
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,

            // Elsewhere than on Windows this is a shared lock. No file is kept from being renamed, and under its new name it can be opened before it is closed here.
            Share = OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.Read,
        };
        if (secret && !OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        for (int attempt = 1; ; attempt++)
        {
            string path = NameIn(folder);
            try
            {
                FileStream stream = new(path, options);
                if (File.Exists(path))
                {
                    return stream;
                }

                stream.Dispose();
                throw new IOException("it was removed while it was written");
            }
            catch (IOException) when (attempt < Attempts)
            {
                // Between its creation and its lock another trial or run may have taken it for one that was left behind, and have locked or removed it.
                File.Delete(path);
            }
        }
    }

    /// <summary>Removes what killed runs have left in a folder; once in a process for each folder.</summary>
    public static void Clean(string folder)
    {
        if (_cleaned.TryAdd(folder, true))
        {
            RemoveLeft(folder);
        }
    }

    /// <summary>Removes those that nobody holds.</summary>
    public static void RemoveLeft(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder, $"{Prefix}*{Suffix}"))
        {
            try
            {
                // Whoever writes to it holds a lock, and this one, which shares with none, fails.
                using FileStream held = new(path, FileMode.Open, FileAccess.Write, OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None);
                File.Delete(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It is in use, or another user's.
            }
        }
    }
}
