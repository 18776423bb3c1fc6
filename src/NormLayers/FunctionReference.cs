namespace NormLayers;

/// <summary>A layer in double precision, from the two functions of a page's reference.</summary>
/// <param name="parameters">The parameters, which the functions read and whose gradients they add to.</param>
/// <param name="forward">y for x and its shape.</param>
/// <param name="backward">dx for the x of the last forward pass and dy.</param>
/// <param name="relu">Whether y = max(·, 0) is taken.</param>
internal sealed class FunctionReference(
    ReferenceParameter[] parameters, Func<double[], Shape, double[]> forward, Func<double[], double[], double[]> backward, bool relu = false) : ReferenceLayer
{
    private double[] _x = [];
    private double[] _y = [];

    public override IReadOnlyList<ReferenceParameter> Parameters => parameters;

    public override double[] Forward(double[] x, Shape shape)
    {
        (_x, _y) = (x, forward(x, shape));
        return relu ? Array.ConvertAll(_y, v => v <= 0 ? 0 : v) : _y;
    }

    public override double[] Backward(double[] dy) => backward(_x, relu ? [.. dy.Zip(_y, (d, v) => v <= 0 ? 0 : d)] : dy);
}
