using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace NormLayers.Numerics;

/// <summary>left·right + addend of four floats, rounded once, where the processor has no such instruction.</summary>
/// <remarks>
/// <para>
/// The product of two floats is exact in double. Its sum with the addend is not: rounded to double and then to float it would be
/// rounded twice, and wrong where the first rounding makes a tie. So the sum is rounded to odd first: of the two doubles beside the
/// exact sum, that whose last bit is 1. It is no tie, and lies on the same side of every tie as the sum. Two bits beyond the bits of the
/// result are enough (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd",
/// 2008); double has 29.
/// </para>
/// <para>The runtime's substitute calls the C library for every lane, which takes three times as long.</para>
/// </remarks>
internal static class SoftwareMultiplyAdd
{
    /// <summary>Whether the processor, as the runtime may use it, has no multiply-add of its own.</summary>
    public static bool IsNeeded
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => !Fma.IsSupported && !AdvSimd.IsSupported;
    }

    /// <summary>left·right + addend in each lane, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Compute(Vector128<float> left, Vector128<float> right, Vector128<float> addend) => Vector128.Narrow(
        AddToOdd(Vector128.WidenLower(left) * Vector128.WidenLower(right), Vector128.WidenLower(addend)),
        AddToOdd(Vector128.WidenUpper(left) * Vector128.WidenUpper(right), Vector128.WidenUpper(addend)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> AddToOdd(Vector128<double> product, Vector128<double> addend)
    {
        Vector128<double> sum = product + addend;
        Vector128<double> addendPart = sum - product;
        Vector128<double> lost = (product - (sum - addendPart)) + (addend - addendPart);

        // Where something was lost: towards 0, which is one step back if it has the other sign than the sum; then the last bit set.
        // Infinities and NaN, whose lost is NaN, stay as they are.
        Vector128<long> one = Vector128<long>.One & Vector128.GreaterThan(Vector128.Abs(lost), Vector128<double>.Zero).AsInt64();
        Vector128<long> back = Vector128.ShiftRightLogical(lost.AsInt64() ^ sum.AsInt64(), 63) & one;
        return ((sum.AsInt64() - back) | one).AsDouble();
    }
}
