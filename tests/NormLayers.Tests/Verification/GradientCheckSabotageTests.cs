using NormLayers.Verification;

namespace NormLayers.Tests.Verification;

/// <summary>The check must find what is wrong, name it, and leave the rest alone.</summary>
public sealed class GradientCheckSabotageTests
{
    private static readonly Shape s_shape = (4, 3);

    [Fact]
    public void Check_RightLayer_Passes()
    {
        GradientReport report = GradientCheck.Check(new QuadraticReference(3), s_shape);
        Assert.True(report.Passed, report.ToString());
        Assert.All(report.Tensors, t => Assert.False(t.Vacuous));
    }

    [Theory]
    [InlineData("a", 1)]
    [InlineData("a", 2)]
    [InlineData("b", 0)]
    [InlineData("input", 7)]
    [InlineData("input", 11)]
    public void Check_OneWrongElement_IsNamedWithItsIndex(string tensor, int index)
    {
        foreach (Func<double, double> distort in (Func<double, double>[])
            [g => 0, g => -g, g => 2 * g, g => g + 1e-3, g => 1e9 * g, _ => double.NaN, _ => double.PositiveInfinity, _ => double.NegativeInfinity])
        {
            GradientReport report = GradientCheck.Check(
                new QuadraticReference(3) { Wrong = tensor, WrongIndex = index, Distort = distort }, s_shape);
            Assert.False(report.Passed, report.ToString());
            TensorGradientError wrong = report.Tensors.Single(t => !t.Passed);
            Assert.Equal(tensor, wrong.Tensor);
            Assert.Equal(index, wrong.WorstIndex);
            Assert.Contains($"WRONG at [{index}]", report.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Check_EveryGradientZero_Fails()
    {
        GradientReport report = GradientCheck.Check(new SilentReference(), s_shape);
        Assert.False(report.Passed, report.ToString());
    }

    [Fact]
    public void Check_ConstantFunction_IsVacuous()
    {
        GradientReport report = GradientCheck.Check(new ConstantReference(), s_shape);
        Assert.True(report.Passed);
        Assert.All(report.Tensors, t => Assert.True(t.Vacuous));
    }

    [Fact]
    public void Check_NaNInTheForwardPass_Fails()
    {
        double[] x = new double[12];
        x[5] = double.NaN;
        GradientReport report = GradientCheck.Check(new QuadraticReference(3), s_shape, new GradientCheckOptions { Input = x });
        Assert.False(report.Passed);
        Assert.Contains(report.Tensors, t => double.IsNaN(t.LargestError));
    }

    [Fact]
    public void Check_UsersFloatLayer_IsDifferencedInFloat()
    {
        GradientReport report = GradientCheck.Check(new ScaleLayer(3), s_shape);
        Assert.True(report.Passed, report.ToString());
        Assert.Equal(["scale", "input"], report.Tensors.Select(t => t.Tensor));
        Assert.All(report.Tensors, t => Assert.False(t.Vacuous));
        Assert.True(report.Tensors.Max(t => t.LargestError) > 0);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-1f)]
    [InlineData(1.01f)]
    [InlineData(float.NaN)]
    public void Check_UsersWrongFloatLayer_NamesTheInput(float factor)
    {
        GradientReport report = GradientCheck.Check(new ScaleLayer(3) { Distort = g => factor * g }, s_shape);
        Assert.Equal("input", report.Tensors.Single(t => !t.Passed).Tensor);
    }

    [Fact]
    public void Check_UsersFloatLayer_KeepsItsParameters()
    {
        ScaleLayer layer = new(3);
        GradientCheck.Check(layer, s_shape);
        Assert.Equal([1.5f, 1.5f, 1.5f], layer.Parameters[0].Value);
    }

    /// <summary>y = x², and a backward pass that returns zeros.</summary>
    private sealed class SilentReference : ReferenceLayer
    {
        public override double[] Forward(double[] x, Shape shape) => Array.ConvertAll(x, v => v * v);

        public override double[] Backward(double[] dy) => new double[dy.Length];
    }

    /// <summary>y = 1.</summary>
    private sealed class ConstantReference : ReferenceLayer
    {
        public override double[] Forward(double[] x, Shape shape) => Array.ConvertAll(x, _ => 1.0);

        public override double[] Backward(double[] dy) => new double[dy.Length];
    }
}
