namespace NormLayers.Lab.Training;

/// <summary>What the layers looked like during a training: one list a quantity, one entry a probed step.</summary>
public sealed record ProbeHistory
{
    /// <summary>The probed steps, counted from 1.</summary>
    public required long[] Step { get; init; }

    /// <summary>The epoch of each.</summary>
    public required int[] Epoch { get; init; }

    /// <summary>The loss of each mini-batch in training mode, before the update.</summary>
    public required double[] TrainingLoss { get; init; }

    /// <summary>The loss of the same mini-batch in evaluation mode.</summary>
    public required double[] EvaluationLoss { get; init; }

    /// <summary>The layers, in the order of the network.</summary>
    public required IReadOnlyList<LayerProbeHistory> Layers { get; init; }

    /// <summary>The history of some records.</summary>
    /// <param name="records">The records of one training, in order.</param>
    /// <returns>The history; null if nothing was probed.</returns>
    public static ProbeHistory? From(IReadOnlyList<ProbeRecord> records)
    {
        ArgumentNullException.ThrowIfNull(records);
        return records.Count == 0 ? null : new ProbeHistory
        {
            Step = [.. records.Select(r => r.Step)],
            Epoch = [.. records.Select(r => r.Epoch)],
            TrainingLoss = [.. records.Select(r => r.TrainingLoss)],
            EvaluationLoss = [.. records.Select(r => r.EvaluationLoss)],
            Layers = [.. Enumerable.Range(0, records[0].Layers.Count).Select(i => LayerProbeHistory.From([.. records.Select(r => r.Layers[i])]))],
        };
    }
}
