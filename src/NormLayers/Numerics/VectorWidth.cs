using System.Runtime.Intrinsics;

namespace NormLayers.Numerics;

/// <summary>The vector width that the kernels run at: the widest that .NET uses on the processor, unless another one is requested.</summary>
/// <remarks>
/// The environment variable <c>NORMLAYERS_VECTOR_BITS</c> (512, 256, 128 or 0 for none), read once at start, requests a
/// width; any other value requests none, and the tool <c>normlayers</c> refuses it. It changes the speed, never a bit of any result.
/// Of those wider than the widest, only 512 bits in place of 256 can be had: so that the kernels' code for 512 bits can be tested on
/// processors without such vectors, which work them in halves, slower.
/// </remarks>
public static class VectorWidth
{
    /// <summary>The width in bits: 512, 256, 128, or 0 for plain floats.</summary>
    public static int Bits { get; } = Math.Min(Asked() ?? Widest, Widest == 256 ? 512 : Widest);

    /// <summary>The widest that .NET uses on this processor, in bits: 512, 256, 128, or 0 for none.</summary>
    public static int Widest =>
        Vector512.IsHardwareAccelerated ? 512
        : Vector256.IsHardwareAccelerated ? 256
        : Vector128.IsHardwareAccelerated ? 128
        : 0;

    private static int? Asked() => Environment.GetEnvironmentVariable("NORMLAYERS_VECTOR_BITS") switch
    {
        "0" => 0,
        "128" => 128,
        "256" => 256,
        "512" => 512,
        _ => null,
    };
}
