using System.Globalization;
using NormLayers.Numerics;

namespace NormLayers.Tests.SameBits;

/// <summary>Whoever reruns the suite under another vector width states the width, so that a setting without effect is noticed.</summary>
public sealed class VectorWidthTests
{
    private const string Variable = "NORMLAYERS_EXPECT_WIDTH";

    [Fact]
    public void WidestVector_WidthIsRequested_IsThatWide()
    {
        int width = VectorWidth.Bits;
        string? expected = Environment.GetEnvironmentVariable(Variable);
        TestContext.Current.TestOutputHelper?.WriteLine($"The kernels use vectors of {width} bits; {Variable}: {expected ?? "not set, nothing to compare with"}.");
        if (expected is not null)
        {
            Assert.Equal(expected, width.ToString(CultureInfo.InvariantCulture));
        }
    }
}
