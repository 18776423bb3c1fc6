using System.Globalization;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>Builds the project's classifier: Linear → normalization → ReLU → … → Linear.</summary>
public static class Mlp
{
    /// <summary>Creates a multi-layer perceptron with freshly drawn weights.</summary>
    /// <param name="options">Widths, normalization, initialization and seed.</param>
    /// <returns>A network of layers <c>linear1, norm1, relu1, linear2, …</c>; the same options give the same bits.</returns>
    /// <exception cref="ArgumentException">A width below 1, no hidden layer, or fewer than two classes.</exception>
    public static Sequential Create(MlpOptions options)
    {
        Throw.IfNotPositive(options.InputFeatures, nameof(options.InputFeatures));
        if (options.Classes < 2)
        {
            Throw.OutOfRange(nameof(options.Classes), "2 classes or more", options.Classes);
        }

        if (options.HiddenFeatures.Count == 0)
        {
            Throw.Argument(nameof(options.HiddenFeatures), "at least one hidden layer", "none");
        }

        RandomSource random = new(options.Seed);
        List<Layer> layers = [];
        int features = options.InputFeatures;
        int index = 0;
        foreach (int width in options.HiddenFeatures)
        {
            string number = (++index).ToString(CultureInfo.InvariantCulture);
            layers.Add(new Linear(features, width, random, options.Initialization, name: "linear" + number));
            if (CreateNormalization(options, width, "norm" + number) is { } norm)
            {
                layers.Add(norm);
            }

            layers.Add(new ReLU("relu" + number));
            features = width;
        }

        string last = (index + 1).ToString(CultureInfo.InvariantCulture);
        layers.Add(new Linear(features, options.Classes, random, options.Initialization, name: "linear" + last));
        return new Sequential(layers);
    }

    private static Layer? CreateNormalization(MlpOptions options, int features, string name) => options.Normalization switch
    {
        Normalization.BatchNorm => new BatchNorm1D(features, options.Epsilon, options.Momentum, name: name),
        Normalization.LayerNorm => new LayerNorm1D(features, options.Epsilon, name: name),
        _ => null,
    };
}
