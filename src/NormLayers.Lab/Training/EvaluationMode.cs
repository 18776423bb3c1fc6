using NormLayers.Network;

namespace NormLayers.Lab.Training;

/// <summary>Puts a network into evaluation mode, and its own mode and each layer's back when disposed.</summary>
internal readonly ref struct EvaluationMode
{
    private readonly Sequential _network;
    private readonly bool _training;
    private readonly bool[] _layersTraining;

    public EvaluationMode(Sequential network)
    {
        _network = network;
        _training = network.Training;
        _layersTraining = [.. network.Layers.Select(l => l.Training)];
        network.Training = false;
    }

    public void Dispose()
    {
        _network.Training = _training;
        for (int i = 0; i < _layersTraining.Length; i++)
        {
            _network.Layers[i].Training = _layersTraining[i];
        }
    }
}
