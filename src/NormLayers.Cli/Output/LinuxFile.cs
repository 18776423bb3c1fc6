using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NormLayers.Cli.Output;

/// <summary>Which file a path leads to, and whose it is.</summary>
/// <param name="Device">The device that holds it.</param>
/// <param name="Inode">Its number on the device.</param>
/// <param name="Mode">Its kind and permissions.</param>
/// <param name="User">Its owner.</param>
/// <param name="Group">Its group.</param>
/// <param name="Driver">If it is a device, the numbers of its driver and of itself there.</param>
internal readonly record struct FileStatus(ulong Device, ulong Inode, ushort Mode, uint User, uint Group, (uint Major, uint Minor) Driver)
{
    private const int KindMask = 0xF000;

    /// <summary>What it is if it is no file and no folder: <c>pipe</c>, <c>socket</c> or <c>device</c>; else null.</summary>
    public string? SpecialKind => (Mode & KindMask) switch
    {
        0x1000 => "pipe",
        0xC000 => "socket",
        0x2000 or 0x6000 => "device",
        _ => null,
    };

    /// <summary>Whether it is a device of characters that has no end, as <c>/dev/zero</c>: neither <c>/dev/null</c> nor a terminal, which the kernel knows by these numbers.</summary>
    public bool IsEndless => (Mode & KindMask) == 0x2000 && Driver != (1, 3) && Driver.Major is not (4 or 5 or (>= 136 and <= 143));
}

/// <summary>What Linux knows and does about files for which .NET has no call. Elsewhere nothing is known, and nothing is done.</summary>
internal static class LinuxFile
{
    private const int NoSuchFile = 2;
    private const int NotAFolder = 20;

    /// <summary>The file that a path leads to, links followed; null if there is none, or elsewhere than on Linux.</summary>
    /// <exception cref="IOException">The path cannot be followed.</exception>
    public static FileStatus? Find(string path)
    {
        const int CurrentFolder = -100;
        const uint BasicFields = 0x7ff;
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        if (NativeMethods.Statx(CurrentFolder, Path.GetFullPath(path), 0, BasicFields, out Statx status) == 0)
        {
            return new FileStatus(((ulong)status.DeviceMajor << 32) | status.DeviceMinor, status.Inode, status.Mode, status.User, status.Group, (status.DriverMajor, status.DriverMinor));
        }

        int error = Marshal.GetLastPInvokeError();
        return error is NoSuchFile or NotAFolder ? null : throw Failure(error);
    }

    /// <summary>Makes an open file another user's and group's; false if that is not allowed, or elsewhere than on Linux.</summary>
    public static bool TryChangeOwner(SafeFileHandle file, uint user, uint group) =>
        OperatingSystem.IsLinux() && NativeMethods.FileChangeOwner(file, user, group) == 0;

    /// <summary>Brings the names in a folder to the disk, so that a file that was renamed there outlasts a power cut.</summary>
    public static void FlushFolder(string folder)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        using SafeFileHandle handle = Open(folder, Flags.CloseOnExec);

        // Some file systems cannot do it; the file is there all the same.
        _ = NativeMethods.FileSynchronize(handle);
    }

    /// <summary>Opens a file that is there so that every write goes to its end, wherever other processes have moved it.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static SafeFileHandle OpenToAppend(string path)
    {
        // Without waiting: a pipe that nobody reads is an error at once.
        SafeFileHandle handle = Open(path, Flags.Write | Flags.Append | Flags.NonBlocking | Flags.CloseOnExec);
        return handle.IsInvalid ? throw Failure(Marshal.GetLastPInvokeError()) : handle;
    }

    private static SafeFileHandle Open(string path, Flags flags) => NativeMethods.Open(Path.GetFullPath(path), (int)flags);

    private static IOException Failure(int error) => new(Marshal.GetPInvokeErrorMessage(error), error);

    [Flags]
    private enum Flags
    {
        Write = 1,
        Append = 0x400,
        NonBlocking = 0x800,
        CloseOnExec = 0x80000,
    }

    // struct statx of the kernel, the same on every processor.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Statx
    {
        [FieldOffset(20)]
        public uint User;

        [FieldOffset(24)]
        public uint Group;

        [FieldOffset(28)]
        public ushort Mode;

        [FieldOffset(32)]
        public ulong Inode;

        [FieldOffset(128)]
        public uint DriverMajor;

        [FieldOffset(132)]
        public uint DriverMinor;

        [FieldOffset(136)]
        public uint DeviceMajor;

        [FieldOffset(140)]
        public uint DeviceMinor;
    }

    private static class NativeMethods
    {
        private const string Library = "libc";

        [DllImport(Library, EntryPoint = "statx", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int Statx(int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, out Statx status);

        [DllImport(Library, EntryPoint = "fchown", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int FileChangeOwner(SafeFileHandle file, uint user, uint group);

        [DllImport(Library, EntryPoint = "fsync", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int FileSynchronize(SafeFileHandle file);

        [DllImport(Library, EntryPoint = "open", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern SafeFileHandle Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);
    }
}
