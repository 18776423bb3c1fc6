using System.Runtime.Intrinsics;

namespace NormLayers.Numerics;

/// <summary>The vector width that the kernels run at: the widest that the processor has, unless a narrower one is asked for.</summary>
/// <remarks>
/// The environment variable <c>NORMLAYERS_VECTOR_BITS</c> (512, 256, 128 or 0 for none), read once at start, asks for a
/// narrower one; any other value asks for none, and the tool <c>normlayers</c> refuses it. It changes the speed, never a bit of any result.
/// </remarks>
public static class VectorWidth
{
    /// <summary>The width in bits: 512, 256, 128, or 0 for plain floats.</summary>
    public static int Bits { get; } = Math.Min(Widest(), Asked());

    private static int Widest() =>
        Vector512.IsHardwareAccelerated ? 512
        : Vector256.IsHardwareAccelerated ? 256
        : Vector128.IsHardwareAccelerated ? 128
        : 0;

    private static int Asked() => Environment.GetEnvironmentVariable("NORMLAYERS_VECTOR_BITS") switch
    {
        "0" => 0,
        "128" => 128,
        "256" => 256,
        _ => 512,
    };
}
