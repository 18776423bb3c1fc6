using NormLayers.Verification;

namespace NormLayers.Tests.Verification;

/// <summary>What is wrong with a layer is in its row, and does not end the check.</summary>
public sealed class LayerCheckFaultTests
{
    [Theory]
    [InlineData(typeof(InvalidOperationException))]
    [InlineData(typeof(DivideByZeroException))]
    [InlineData(typeof(NotSupportedException))]
    public void Run_LayerThatThrows_HasARowThatFailed(Type error)
    {
        IReadOnlyList<LayerCheckRow> rows = LayerCheck.Run(
            [new(() => new Broken(4, error), (2, 4)), new(() => new LayerNorm1D(4, 0.1), (3, 4))], TestContext.Current.CancellationToken);
        Assert.Equal(["Broken", "LayerNorm1D"], rows.Select(r => r.Layer));
        Assert.Equal([false, true], rows.Select(r => r.Passed));
        Assert.Equal("(2, 4) throws: " + ((Exception)Activator.CreateInstance(error)!).Message, Assert.Single(rows[0].Faults));
    }

    [Fact]
    public void Run_ReferenceOfAnotherSize_HasARowThatFailed()
    {
        LayerCheckRow row = Assert.Single(LayerCheck.Run([new(() => new Broken(3, null), (2, 4)) { Scale = 2 }], TestContext.Current.CancellationToken));
        Assert.False(row.Passed);
        Assert.Equal(["y of (2, 4) has 8 values, and the reference 3", "dx of (2, 4) has 8 values, and the reference 3"], row.Faults);
    }

    /// <summary>y = x, or an exception; its reference has so many values.</summary>
    private sealed class Broken(int count, Type? error) : Layer("broken")
    {
        public override Shape OutputShape(Shape shape) => shape;

        public override ReferenceLayer CreateReference() => new Reference(count);

        protected override void ForwardCore(ReadOnlySpan<float> x, Shape shape, Span<float> y)
        {
            if (error is not null)
            {
                throw (Exception)Activator.CreateInstance(error)!;
            }

            x.CopyTo(y);
        }

        protected override void BackwardCore(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Shape shape, Span<float> dx) => dy.CopyTo(dx);

        private sealed class Reference(int count) : ReferenceLayer
        {
            public override double[] Forward(double[] x, Shape shape) => new double[count];

            public override double[] Backward(double[] dy) => new double[count];
        }
    }
}
