using NormLayers.Tests.Support;

namespace NormLayers.Tests.Conformance;

/// <summary>Runs a float layer forward and backward into buffers full of NaN, so that what is not overwritten shows.</summary>
internal sealed record NormRun(Layer Layer, float[] Y, float[] Dx)
{
    /// <summary>All that came out, by the names of the cases; running statistics where they follow the batch.</summary>
    public Dictionary<string, double[]> Outputs
    {
        get
        {
            Dictionary<string, double[]> outputs = new() { ["y"] = Compare.Widen(Y), ["dx"] = Compare.Widen(Dx) };
            foreach (Parameter parameter in Layer.Parameters)
            {
                outputs["d" + parameter.Name] = Compare.Widen(parameter.Gradient);
            }

            if (Layer is NormalizationLayer { Training: true, Running: { } running })
            {
                (outputs["running_mean"], outputs["running_var"]) = (Compare.Widen(running.Mean), Compare.Widen(running.Variance));
            }

            return outputs;
        }
    }

    public static NormRun Of(Layer layer, double[] x, Shape shape, double[] dy)
    {
        float[] input = Compare.Narrow(x);
        return new NormRun(layer, Samples.Forward(layer, input, shape), Samples.Backward(layer, input, Compare.Narrow(dy)));
    }
}
