using System.Globalization;
using System.Runtime.Intrinsics;

namespace NormLayers.Tests.SameBits;

/// <summary>Whoever reruns the suite under another vector width states the width, so that a setting without effect is noticed.</summary>
public sealed class VectorWidthTests
{
    private const string Variable = "NORMLAYERS_EXPECT_WIDTH";

    [Fact]
    public void WidestVector_WidthIsRequested_IsThatWide()
    {
        int width = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0;
        string? expected = Environment.GetEnvironmentVariable(Variable);
        TestContext.Current.TestOutputHelper?.WriteLine($"Widest accelerated vector: {width} bits; {Variable}: {expected ?? "not set, nothing to compare with"}.");
        if (expected is not null)
        {
            Assert.Equal(expected, width.ToString(CultureInfo.InvariantCulture));
        }
    }
}
