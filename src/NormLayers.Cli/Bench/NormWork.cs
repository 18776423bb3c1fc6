using NormLayers.Network;

namespace NormLayers.Cli.Bench;

/// <summary>A case as our layers do it.</summary>
internal sealed class NormWork
{
    private readonly NormCase _case;
    private readonly NormData _data;
    private readonly Layer _layer;

    public NormWork(NormCase timed, NormData data)
    {
        _case = timed;
        _data = data;
        _layer = timed.Layer == Normalization.LayerNorm ? new LayerNorm1D(timed.Features, NormCase.Epsilon) : CreateBatchNorm(timed, data);
        data.Gamma.CopyTo(_layer.Parameters[0].Value.AsSpan());
        data.Beta.CopyTo(_layer.Parameters[1].Value.AsSpan());
        Y = new float[data.X.Length];
        Dx = new float[data.Dy.Length];
    }

    public float[] Y { get; }

    /// <summary>Empty without a backward pass.</summary>
    public float[] Dx { get; }

    public float[] DGamma => _layer.Parameters[0].Gradient;

    public float[] DBeta => _layer.Parameters[1].Gradient;

    public void Run()
    {
        _layer.Forward(_data.X, _case.Shape, Y);
        if (_case.HasBackward)
        {
            _layer.ZeroGradients();
            _layer.Backward(_data.X, _data.Dy, Dx);
        }
    }

    private static BatchNorm1D CreateBatchNorm(NormCase timed, NormData data)
    {
        BatchNorm1D layer = new(timed.Features, NormCase.Epsilon) { Training = timed.Pass != NormPass.Evaluation };
        data.RunningMean.CopyTo(layer.Running!.Mean.AsSpan());
        data.RunningVariance.CopyTo(layer.Running.Variance.AsSpan());
        return layer;
    }
}
