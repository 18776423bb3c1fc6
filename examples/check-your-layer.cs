#:project ../src/NormLayers/NormLayers.csproj
// Checks the backward pass of a layer of your own. This one has a mistake on purpose: its backward pass forgets a factor 2.
using NormLayers;
using NormLayers.Verification;

GradientReport report = GradientCheck.Check(new Square(), (2, 3));
Console.WriteLine(report);
Console.WriteLine(report.Passed ? "The gradients are right." : "The gradients are wrong.");

internal sealed class Square : ReferenceLayer
{
    private double[] _x = [];

    public override double[] Forward(double[] x, Shape shape)
    {
        _x = [.. x];
        return [.. x.Select(v => v * v)];
    }

    public override double[] Backward(double[] dy) => [.. dy.Zip(_x, (d, v) => d * v)];
}
