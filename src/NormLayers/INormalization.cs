namespace NormLayers;

/// <summary>What a normalization layer says of itself to whoever watches a training.</summary>
public interface INormalization
{
    /// <summary>The running statistics; null for a layer without.</summary>
    RunningStatistics? Running => null;

    /// <summary>Whether multiplying the input by a positive number leaves the output as it is, but for ε: its statistics are the input's own.</summary>
    bool IgnoresInputScale { get; }

    /// <summary>Whether a ReLU is part of the layer.</summary>
    bool HasReLU => false;
}
