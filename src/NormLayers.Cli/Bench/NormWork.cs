
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
        _layer = timed.Layer.Create(timed.Settings)
            ?? throw new ArgumentException($"'{timed.LayerName}' has no layer to time.", nameof(timed));
        _layer.Training = timed.Pass != NormPass.Evaluation;
        foreach (Parameter parameter in _layer.Parameters)
        {
            (parameter.Name switch { "gamma" => data.Gamma, "beta" => data.Beta, _ => [] }).CopyTo(parameter.Value.AsSpan());
        }

        if (_layer is INormalization { Running: { } running })
        {
            data.RunningMean.CopyTo(running.Mean.AsSpan());
            data.RunningVariance.CopyTo((running.Deviation.Length > 0 ? running.Deviation : running.Variance).AsSpan());
        }

        Y = new float[data.X.Length];
        Dx = new float[data.Dy.Length];
    }

    public float[] Y { get; }

    /// <summary>Empty without a backward pass.</summary>
    public float[] Dx { get; }

    public float[] DGamma => _layer.Parameters[0].Gradient;

    /// <summary>Empty for a layer without β.</summary>
    public float[] DBeta => _layer.Parameters.Count > 1 ? _layer.Parameters[1].Gradient : [];

    public void Run()
    {
        _layer.Forward(_data.X, _case.Shape, Y);
        if (_case.HasBackward)
        {
            _layer.ZeroGradients();
            _layer.Backward(_data.X, _data.Dy, Dx);
        }
    }
}
