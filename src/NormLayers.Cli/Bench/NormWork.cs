
namespace NormLayers.Cli.Bench;

/// <summary>A case as our layers do it.</summary>
internal sealed class NormWork
{
    private readonly NormCase _case;
    private readonly NormData _data;

    public NormWork(NormCase timed, NormData data)
    {
        _case = timed;
        _data = data;
        Layer = timed.CreateLayer(data);
        Y = new float[data.X.Length];
        Dx = new float[data.Dy.Length];
    }

    public float[] Y { get; }

    /// <summary>Empty without a backward pass.</summary>
    public float[] Dx { get; }

    public Layer Layer { get; }

    public void Run()
    {
        Layer.Forward(_data.X, _case.Shape, Y);
        if (_case.HasBackward)
        {
            Layer.ZeroGradients();
            Layer.Backward(_data.X, _data.Dy, Dx);
        }
    }
}
