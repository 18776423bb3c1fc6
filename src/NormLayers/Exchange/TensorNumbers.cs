namespace NormLayers.Exchange;

/// <summary>Numbers of files as those that layers have.</summary>
internal static class TensorNumbers
{
    /// <summary>The number with the bits of a bfloat16, which are the upper half of a float's.</summary>
    public static float OfBFloat16(short bits) => BitConverter.Int32BitsToSingle(bits << 16);

    /// <summary>The nearest float; NaN and infinity stay.</summary>
    /// <exception cref="InvalidDataException">A number beyond the range of floats.</exception>
    public static float Narrow(double value, object tensor) => double.IsFinite(value) && !float.IsFinite((float)value)
        ? throw new InvalidDataException(FormattableString.Invariant($"expected numbers in the range of floats in {tensor}, got {value}."))
        : (float)value;

    /// <summary>An unsigned integer as a signed one.</summary>
    /// <exception cref="InvalidDataException">It is above 2⁶³ − 1.</exception>
    public static long Signed(ulong value, object tensor) => value > long.MaxValue
        ? throw new InvalidDataException($"expected integers up to 2⁶³ − 1 in {tensor}, got {value}.")
        : (long)value;
}
