using NormLayers.Tests.Checks;
using NormLayers.Tests.Conformance;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Rms;

/// <summary>The inputs of other libraries' tests (shapes, sizes, ε, bug reports), with a random upstream gradient, against the reference.</summary>
public sealed class RmsNormSuiteTests
{
    // Trailing dimensions that are normalized together are one row here.
    [Theory]
    [InlineData("PyTorch rms_norm", 0.5, true, new[] { 1, 2, 3 }, 3, 1000)]
    [InlineData("PyTorch rms_norm", 1e-5, true, new[] { 2, 2, 3 }, 2, 1000)]
    [InlineData("PyTorch rms_norm", 1e-5, true, new[] { 1 }, 1, 1000)]
    [InlineData("PyTorch rms_norm", 1e-5, true, new[] { 1, 2 }, 1, 1000)]
    [InlineData("PyTorch rms_norm, bare", 1.1920929e-7, false, new[] { 1, 2 }, 1, 1000)]
    [InlineData("PyTorch RMSNorm", 1e-3, true, new[] { 4, 5, 5 }, 1, 1)]
    [InlineData("PyTorch RMSNorm", 1e-3, true, new[] { 128, 5, 5 }, 1, 1)]
    [InlineData("PyTorch RMSNorm, no affine", 1e-3, false, new[] { 4, 5, 5 }, 1, 1)]
    [InlineData("PyTorch RMSNorm", 1e-3, true, new[] { 4, 2, 2, 5 }, 3, 1)]
    [InlineData("PyTorch RMSNorm, no affine", 1e-3, false, new[] { 4, 2, 2, 5 }, 3, 1)]
    [InlineData("PyTorch RMSNorm, no affine", 1e-5, false, new[] { 4, 56, 56, 56 }, 3, 1)]
    [InlineData("MLX", 1e-5, true, new[] { 2, 31 }, 1, 1)]
    [InlineData("MLX", 1e-5, true, new[] { 2, 32 }, 1, 1)]
    [InlineData("MLX", 1e-5, true, new[] { 2, 33 }, 1, 1)]
    [InlineData("MLX", 1e-5, true, new[] { 2, 256 }, 1, 1)]
    [InlineData("MLX", 1e-5, true, new[] { 2, 512 }, 1, 1)]
    [InlineData("MLX", 1e-5, true, new[] { 2, 4099 }, 1, 1)]
    [InlineData("MLX", 1e-5, true, new[] { 2, 8192 }, 1, 1)]
    [InlineData("ggml", 0, true, new[] { 64, 5, 4, 3 }, 1, 1)]
    [InlineData("ggml", 1e-6, true, new[] { 64, 5, 4, 3 }, 1, 1)]
    [InlineData("ggml", 1e-4, true, new[] { 64, 5, 4, 3 }, 1, 1)]
    [InlineData("ggml", 0.1, true, new[] { 64, 5, 4, 3 }, 1, 1)]
    [InlineData("tinygrad", 1e-6, true, new[] { 4, 10, 20 }, 1, 1)]
    [InlineData("quack", 1e-6, true, new[] { 199, 192 }, 1, 1)]
    [InlineData("quack", 1e-6, true, new[] { 1, 262_144 }, 1, 1)]
    [InlineData("candle: squares beyond float", 1e-5, true, new[] { 4, 6912 }, 1, 7e9)]
    [InlineData("pytorch#162489", 1e-5, true, new[] { 3, 40 }, 1, 1e30)]
    [InlineData("pytorch, rmsnorm_epsilon", 1.1920929e-7, true, new[] { 3, 4 }, 1, 1e-12)]
    public void Passes_InputOfTheSuite_MatchTheReference(string suite, double epsilon, bool withGamma, int[] shape, int trailing, double size)
    {
        int features = shape[^trailing..].Aggregate(1, (product, d) => product * d);
        double[] x = Array.ConvertAll(Samples.Normal(new Shape(shape).Length), v => (double)(float)(v * size));
        double[] dy = Array.ConvertAll(Samples.Upstream(x.Length), v => (double)v);
        foreach (bool onePlusGamma in withGamma ? (bool[])[false, true] : [false])
        {
            RmsNorm layer = new(features, epsilon, withGamma, onePlusGamma);
            if (layer.Gamma is { } gamma)
            {
                // A γ whose 1 + γ is exact, and not beyond float where rstd times it is.
                Array.ConvertAll(Samples.Normal(features, 1.2, 0.4, seed: 3), v => MathF.Round(v * 4096) / 4096).CopyTo(gamma.Value, 0);
            }

            Shape rows = (x.Length / features, features);
            NormRun run = NormRun.Of(layer, x, trailing == 1 ? new Shape(shape) : rows, dy);
            NormReference reference = (NormReference)layer.CreateReference();
            Solution solution = Solution.Of(onePlusGamma ? Family.RmsNormOnePlusGamma : Family.RmsNorm, reference, x, rows, dy);
            NormTolerances allowed = Tolerance.Of(solution, x, dy, share: 1);
            Compare.Within(solution.Y.Exact, run.Y, allowed.Y, $"{suite}: y");
            Compare.Within(solution.Dx.Exact, run.Dx, allowed.Dx, $"{suite}: dx");
            if (withGamma)
            {
                Compare.Within(solution.DGamma!.Exact, layer.Gamma!.Gradient, allowed.DGamma, $"{suite}: dGamma");
            }

            Assert.All(run.Y, v => Assert.True(float.IsFinite(v)));
        }
    }

    [Fact]
    public void Passes_NoRows_AreEmpty()
    {
        foreach ((Shape shape, int features) in ((Shape, int)[])[((0, 1), 1), ((0, 5), 5)])
        {
            RmsNorm layer = new(features, 1e-3);
            layer.Forward([], shape, []);
            layer.Backward([], [], []);
            Assert.Equal(new float[features], layer.Gamma!.Gradient);
        }
    }

    // What PyTorch refuses is refused here, and a negative ε too, which it takes (MLX does not).
    [Fact]
    public void Calls_ThatOtherLibrariesRefuse_AreRefusedWithBothQuantities()
    {
        Says("2 elements, or Functional.Ones for none, got 3", () => Functional.RmsNorm(new float[6], 2, new float[3], 1e-5, new float[6]));
        Says("whose last dimension is 4 for rmsnorm, got (2, 2, 3)", () => new RmsNorm(4).Forward(new float[12], (2, 2, 3), new float[12]));
        Says("whose last dimension is 3 for rmsnorm, got (1, 2)", () => new RmsNorm(3).Forward(new float[2], (1, 2), new float[2]));
        Says("whole rows of 4 elements, got 6", () => Functional.RmsNorm(new float[6], 4, Functional.Ones, 1e-5, new float[6]));
        Says("a number ≥ 1, got 0", () => _ = new RmsNorm(0));
        Says("a finite number ≥ 0, got -0.5", () => _ = new RmsNorm(4, epsilon: -0.5));
        Says("a finite number ≥ 0, got -1E-30", () => Functional.RmsNorm(new float[4], 4, Functional.Ones, -1e-30, new float[4]));

        static void Says(string expected, Action call) =>
            Assert.Contains(expected, Assert.ThrowsAny<ArgumentException>(call).Message, StringComparison.Ordinal);
    }
}
