using System.Runtime.InteropServices;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.SameBits;

/// <summary>Where tensors begin in memory changes no bit, and nothing beside them is written: whole vectors are stored from line to line.</summary>
public sealed class PlacementTests
{
    private const int Margin = 32;
    private const float Guard = 12345;

    public static TheoryData<string, int, int, int> Cases
    {
        get
        {
            TheoryData<string, int, int, int> cases = [];
            foreach (string layer in (string[])["layernorm", "rmsnorm", "batchnorm"])
            {
                foreach ((int rows, int channels) in ((int, int)[])[(20, 256), (19, 272), (17, 301), (3, 512), (16, 31), (5, 16)])
                {
                    cases.Add(layer, rows, channels, 1);
                }
            }

            foreach ((int rows, int channels, int length) in ((int, int, int)[])[(4, 5, 300), (5, 7, 49), (3, 25, 16), (9, 8, 17), (2, 3, 20)])
            {
                cases.Add("batchnorm", rows, channels, length);
            }

            cases.Add("batchnorm", 6, 40, 8);
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Passes_AnyBeginning_SameBitsAndNothingBeside(string layer, int rows, int channels, int length)
    {
        int count = rows * channels * length;
        foreach (bool relu in layer == "rmsnorm" ? (bool[])[false] : [false, true])
        {
            (float[] y, float[] dx) = Run(layer, rows, channels, length, relu, 0, 0, inPlace: false);
            Assert.Equal(count, y.Length);
            Assert.Contains(dx, value => value != 0);
            foreach ((int input, int output) in ((int, int)[])[(0, 1), (1, 0), (4, 4), (15, 7), (8, 15)])
            {
                Equal((y, dx), Run(layer, rows, channels, length, relu, input, output, inPlace: false));
                Equal((y, dx), Run(layer, rows, channels, length, relu, input, output, inPlace: true));
            }
        }
    }

    private static void Equal((float[] Y, float[] Dx) expected, (float[] Y, float[] Dx) actual)
    {
        Assert.True(expected.Y.AsSpan().SequenceEqual(actual.Y), "y has other bits.");
        Assert.True(expected.Dx.AsSpan().SequenceEqual(actual.Dx), "dx has other bits.");
    }

    private static (float[] Y, float[] Dx) Run(
        string layer, int rows, int channels, int length, bool relu, int inputStart, int outputStart, bool inPlace)
    {
        int count = rows * channels * length;
        Shape shape = length == 1 ? (rows, channels) : (rows, channels, length);
        Layer normalization = layer switch
        {
            "layernorm" => new LayerNorm1D(channels, relu: relu),
            "rmsnorm" => new RmsNorm(channels, onePlusGamma: true),
            _ => new BatchNorm1D(channels, relu: relu),
        };
        foreach (Parameter parameter in normalization.Parameters)
        {
            (parameter.Name == "gamma" ? Samples.Normal(channels, 1, 0.3, 1) : Samples.Normal(channels, 0.2, 1, 2)).CopyTo(parameter.Value.AsSpan());
        }

        Placed x = new(count, inputStart, Samples.Normal(count, 0.5, 2, 3));
        Placed dy = new(count, inputStart, Samples.Upstream(count, 4));
        Placed y = inPlace ? new(count, inputStart, x.Values.ToArray()) : new(count, outputStart, []);
        Placed dx = inPlace ? new(count, inputStart, dy.Values.ToArray()) : new(count, outputStart, []);
        normalization.Forward(inPlace ? y.Values : x.Values, shape, y.Values);
        normalization.Backward(x.Values, inPlace ? dx.Values : dy.Values, dx.Values);
        y.AssertMargins();
        dx.AssertMargins();
        return (y.Values.ToArray(), dx.Values.ToArray());
    }

    /// <summary>Floats that begin so many elements behind the beginning of a cache line, with guards around them.</summary>
    private sealed class Placed
    {
        private readonly float[] _memory;
        private readonly int _start;
        private readonly int _count;

        public Placed(int count, int start, float[] values)
        {
            _memory = GC.AllocateArray<float>(count + 3 * Margin, pinned: true);
            nint address = Marshal.UnsafeAddrOfPinnedArrayElement(_memory, 0);
            _start = Margin + (int)(-address / sizeof(float) & 15) + start;
            _count = count;
            Array.Fill(_memory, Guard);
            values.CopyTo(Values);
        }

        public Span<float> Values => _memory.AsSpan(_start, _count);

        public void AssertMargins()
        {
            Assert.All(_memory[.._start], value => Assert.Equal(Guard, value));
            Assert.All(_memory[(_start + _count)..], value => Assert.Equal(Guard, value));
        }
    }
}
