using NormLayers.Lab.Data;

namespace NormLayers.Lab.Tests.Data;

/// <summary>Paths that cannot be read: the message is ours, with the path and what was expected.</summary>
public sealed class DataFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("normlayers-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Read_FolderOrNothing_SaysSo()
    {
        Assert.Equal($"'{_folder.FullName}' is a folder, not a file", MessageOf(_folder.FullName));
        string path = Path.Combine(_folder.FullName, "no", "such.csv");
        Assert.Equal($"'{path}' does not exist", MessageOf(path));
        string link = Path.Combine(_folder.FullName, "link.csv");
        Assert.SkipUnless(OperatingSystem.IsLinux(), "A link may need a permission on other systems.");
        File.CreateSymbolicLink(link, path);
        Assert.Equal($"'{link}' does not exist", MessageOf(link));
    }

    [Fact]
    public void Read_FileThatFailsToRead_SaysSoWithTheSystemsNumber()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs Linux's /proc.");
        // Address 0 of a process's memory is nothing: EIO.
        Assert.Equal("'/proc/self/mem' cannot be read: Input/output error (error 5 of the system)", MessageOf("/proc/self/mem"));
        string link = Path.Combine(_folder.FullName, "loop.csv");
        File.CreateSymbolicLink(link, link);
        Assert.Equal($"'{link}' cannot be read: Too many levels of symbolic links (error 40 of the system)", MessageOf(link));
    }

    [Fact]
    public void Read_FileWithoutPermission_SaysSo()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && !Environment.IsPrivilegedProcess, "Whoever may do all reads all.");
        string path = Path.Combine(_folder.FullName, "secret.csv");
        File.WriteAllText(path, "1,2");
#pragma warning disable CA1416 // Linux only, as checked above.
        File.SetUnixFileMode(path, UnixFileMode.None);
#pragma warning restore CA1416
        Assert.Equal($"'{path}' cannot be read: permission denied", MessageOf(path));
    }

    private static string MessageOf(string path) => Assert.Throws<DataFormatException>(() => CsvData.Read(path)).Message;
}
