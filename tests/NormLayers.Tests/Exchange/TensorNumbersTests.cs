using NormLayers.Exchange;

namespace NormLayers.Tests.Exchange;

/// <summary>Integers of every width, and truth values, from little-endian bytes.</summary>
public sealed class TensorNumbersTests
{
    [Fact]
    public void Read_TruthValues_AreZeroAndOne()
    {
        Assert.Equal([0, 1, 1, 1, 1], Read(NumberType.Boolean, 0, 1, 2, 200, 255));
        Assert.Equal([0, 1, 2, 200, 255], Read(NumberType.U8, 0, 1, 2, 200, 255));
        Assert.Equal([0, 1, 2, -56, -1], Read(NumberType.I8, 0, 1, 2, 200, 255));
    }

    private static long[] Read(NumberType type, params byte[] bytes)
    {
        long[] numbers = new long[bytes.Length];
        TensorNumbers.Read(type, bytes, numbers, null);
        return numbers;
    }
}
