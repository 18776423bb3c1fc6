using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Numerics;

public sealed class ZeroKernelTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(1 << 19)]
    [InlineData((1 << 19) + 4096 + 37)]
    public void Clear_AnyBeginning_SetsTheArrayToZeroAndNothingBeside(int length)
    {
        for (int before = 0; before < 17; before += 3)
        {
            float[] values = Samples.Constant(before + length + 5, 1);
            float[] expected = [.. values];
            expected.AsSpan(before, length).Clear();
            ZeroKernel.Clear(values.AsSpan(before, length));
            Compare.SameBits(expected, values, $"from {before}");
        }
    }
}
