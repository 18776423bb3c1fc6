using System.Globalization;
using NormLayers.Network;

namespace NormLayers.Lab.Training;

/// <summary>Finds out, after a loss that is not finite or beyond return, which layer broke first.</summary>
internal static class DivergenceDiagnosis
{
    /// <summary>Looks at the network as the failed forward pass left it; the gradients are still from the step before.</summary>
    public static Divergence Find(Sequential network, ReadOnlySpan<float> features, double loss, double learningRate, long step, int epoch)
    {
        (string layer, DivergenceKind kind, string what) = double.IsFinite(loss)
            ? (network.Layers[^1].Name, DivergenceKind.Activations, "no step leads back from there")
            : FindCause(network, features);
        string advice = kind == DivergenceKind.Input
            ? "Remove or replace these values in the data."
            : string.Create(
                CultureInfo.InvariantCulture,
                $"Try a smaller learning rate (it is {learningRate}), normalization if there is none, or standardized features.");
        string size = double.IsFinite(loss) ? loss.ToString("g3", CultureInfo.InvariantCulture) : "not finite";
        string message = string.Create(
            CultureInfo.InvariantCulture, $"The loss is {size} at step {step} (epoch {epoch}): {what}. {advice}");
        return new Divergence(step, epoch, layer, kind, message);
    }

    private static (string Layer, DivergenceKind Kind, string What) FindCause(Sequential network, ReadOnlySpan<float> features)
    {
        if (!AllFinite(features))
        {
            return ("input", DivergenceKind.Input, "the mini-batch holds NaN or infinity");
        }

        // Gradients flow from the last layer to the first, so the last layer with a bad one is where it began.
        foreach (Layer layer in network.Layers.Reverse())
        {
            if (FirstNonFinite(layer, p => p.Gradient) is { } parameter)
            {
                return (layer.Name, DivergenceKind.Gradients, $"the gradient of {layer.Name}.{parameter} overflowed in the step before");
            }
        }

        foreach (Layer layer in network.Layers)
        {
            if (FirstNonFinite(layer, p => p.Value) is { } parameter)
            {
                return (layer.Name, DivergenceKind.Gradients, $"the update of {layer.Name}.{parameter} overflowed in an earlier step");
            }
        }

        // Where all before are finite it is the last layer: the loss of finite logits is finite.
        int first = 0;
        while (first < network.Layers.Count - 1 && AllFinite(network.Activations(first)))
        {
            first++;
        }

        string name = network.Layers[first].Name;
        return (name, DivergenceKind.Activations, $"the output of {name} overflowed first");
    }

    private static string? FirstNonFinite(Layer layer, Func<Parameter, float[]> part) =>
        layer.Parameters.FirstOrDefault(p => !AllFinite(part(p)))?.Name;

    private static bool AllFinite(ReadOnlySpan<float> values)
    {
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
            {
                return false;
            }
        }

        return true;
    }
}
