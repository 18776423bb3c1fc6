using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NormLayers.Lab.Data;

/// <summary>Says in the same words everywhere why a file cannot be read or written. The runtime's texts name other paths, and differ from system to system.</summary>
internal static class FileProblem
{
    public const string Missing = "does not exist";
    public const string IsFolder = "is a folder, not a file";

    private const string IsFile = "is a file, not a folder";

    // What an exception has that no call of the system led to: its message is ours.
    private const int NoNumber = unchecked((int)0x80131620);

    // EPERM, EACCES and ENOTDIR, the same on every Unix.
    private const int NotPermitted = 1;
    private const int AccessDenied = 13;
    private const int NotAFolder = 20;

    /// <summary>Whether an exception is a failure of the file system, or of a path.</summary>
    public static bool IsOne(Exception e) => e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException;

    /// <summary>What goes after the path in a sentence: <c>cannot be read: permission denied</c>.</summary>
    public static string Reading(Exception e, string path) => Describe(e, path, "cannot be read");

    /// <summary>The same where it was to be written.</summary>
    public static string Writing(Exception e, string path) => Describe(e, path, "cannot be written");

    /// <summary>Why there is no file, or no folder, to be read; null if there is one. What lies in a folder that cannot be entered is not called missing.</summary>
    public static string? Finding(string path, bool folder)
    {
        if (folder ? Directory.Exists(path) : File.Exists(path))
        {
            return null;
        }

        if (folder ? File.Exists(path) : Directory.Exists(path))
        {
            return folder ? IsFile : IsFolder;
        }

        try
        {
            // Opening alone says why nothing is seen there.
            using SafeFileHandle handle = File.OpenHandle(path);
            return null;
        }
        catch (Exception e) when (IsOne(e))
        {
            return Reading(e, path);
        }
    }

    private static string Describe(Exception e, string path, string failure) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => Missing,
        UnauthorizedAccessException when Directory.Exists(path) => IsFolder,
        UnauthorizedAccessException => Denied(failure),
        PathTooLongException => $"{failure}: the name is too long",
        EndOfStreamException => $"{failure}: it is cut short",
        ArgumentOutOfRangeException => $"{failure}: it would be larger than is allowed",
        ArgumentException => $"{failure}: it is no path",
        IOException { HResult: NotPermitted or AccessDenied } when !OperatingSystem.IsWindows() => Denied(failure),
        IOException { HResult: NotAFolder } when !OperatingSystem.IsWindows() => Missing,
        IOException { HResult: not NoNumber and var number } => FormattableString.Invariant($"{failure}: {Marshal.GetPInvokeErrorMessage(number & 0xFFFF)} (error {number & 0xFFFF} of the system)"),
        _ => $"{failure}: {e.Message}",
    };

    private static string Denied(string failure) => $"{failure}: permission denied";
}
