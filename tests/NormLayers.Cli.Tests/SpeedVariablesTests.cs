using NormLayers.Cli.Tests.Support;
using NormLayers.Numerics;

namespace NormLayers.Cli.Tests;

public sealed class SpeedVariablesTests : IDisposable
{
    private readonly Tool _tool = new();

    public void Dispose() => _tool.Dispose();

    [Theory]
    [InlineData("256", 256)]
    [InlineData("128", 128)]
    [InlineData("0", 0)]
    [InlineData("", 512)]
    public void VectorBits_AsksForAWidth_GetsItWhereTheProcessorHasIt(string asked, int expected)
    {
        _tool.Environment["NORMLAYERS_VECTOR_BITS"] = asked;
        Assert.Equal(Math.Min(expected, VectorWidth.Widest), (int)_tool.Run("info", "--json").Expect(0).Json["vector_bits"]!);
    }

    [Fact]
    public void VectorBits_AsksFor512Bits_GetsThemInPlaceOf256()
    {
        _tool.Environment["NORMLAYERS_VECTOR_BITS"] = "512";
        int expected = VectorWidth.Widest == 256 ? 512 : VectorWidth.Widest;

        Assert.Equal(expected, (int)_tool.Run("info", "--json").Expect(0).Json["vector_bits"]!);
        Assert.Equal(VectorWidth.Widest == 256, _tool.Run("info").Expect(0).Output.Contains("512 bits, asked for in place of 256 bits", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("NORMLAYERS_VECTOR_BITS", "64", "expected 512, 256, 128 or 0, got '64'")]
    [InlineData("NORMLAYERS_VECTOR_BITS", "avx2", "expected 512, 256, 128 or 0, got 'avx2'")]
    [InlineData("NORMLAYERS_THREADS", "0", "expected a number from 1 to 64, got '0'")]
    [InlineData("NORMLAYERS_THREADS", "many", "expected a number from 1 to 64, got 'many'")]
    public void Variable_NoSuchValue_IsAUsageError(string name, string value, string expected)
    {
        _tool.Environment[name] = value;
        ToolResult result = _tool.Run("info").Expect(2);
        Assert.Equal($"error: {name}: {expected}", result.Error.Trim());
    }
}
