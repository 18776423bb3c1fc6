using System.Globalization;
using System.Numerics.Tensors;
using NormLayers.Numerics;

namespace NormLayers.Network;

/// <summary>Builds the project's classifier: Linear → normalization → ReLU → … → Linear.</summary>
/// <remarks>
/// With <see cref="MlpOptions.Patches"/> the hidden layers are shared by the patches of an image: (N, L, C) with the features last, in front of a
/// normalization over channels (N, C, L) and back. The last layer sees all positions.
/// </remarks>
public static class Mlp
{
    /// <summary>Creates a multi-layer perceptron with freshly drawn weights.</summary>
    /// <param name="options">Widths, normalization, initialization and seed.</param>
    /// <returns>A network of layers <c>linear1, norm1, relu1, linear2, …</c>, with patches <c>patches</c>, <c>channels1</c>, <c>features1</c> and <c>flatten</c> between them; the same options give the same bits.</returns>
    /// <exception cref="ArgumentException">A width below 1, no hidden layer, fewer than two classes, no such initialization, an initialization scale that is not above 0, a normalization that does not take a width, or samples that cannot be cut into patches.</exception>
    public static Sequential Create(MlpOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Throw.IfNotPositive(options.InputFeatures, nameof(options.InputFeatures));
        ArgumentNullException.ThrowIfNull(options.HiddenFeatures);
        ArgumentNullException.ThrowIfNull(options.Normalization);
        ArgumentNullException.ThrowIfNull(options.NormalizationOptions);
        if (options.Classes < 2)
        {
            Throw.OutOfRange(nameof(options.Classes), "2 classes or more", options.Classes);
        }

        if (options.HiddenFeatures.Count == 0)
        {
            Throw.Argument(nameof(options.HiddenFeatures), "at least one hidden layer", "none");
        }

        if (!(options.InitializationScale > 0 && double.IsFinite(options.InitializationScale)))
        {
            Throw.OutOfRange(nameof(options.InitializationScale), "a finite number above 0", options.InitializationScale);
        }

        RandomSource random = new(options.Seed);
        NormalizationSettings settings = new(options.InputFeatures) { Epsilon = options.Epsilon, Momentum = options.Momentum, Options = options.NormalizationOptions };
        List<Layer> layers = [];
        int features = options.InputFeatures;
        int index = 0;
        int positions = 1;
        if (options.Patches is { } patches)
        {
            layers.Add(Rearrangement.Patches(features, patches));
            (positions, features) = (patches.PositionsOf(features), patches.Size * patches.Size);
        }

        bool swaps = options.Patches is not null && options.Normalization.IsPerChannel;
        foreach (int width in options.HiddenFeatures)
        {
            Throw.IfNotPositive(width, nameof(options.HiddenFeatures));
            string number = (++index).ToString(CultureInfo.InvariantCulture);
            Linear linear = CreateLinear(options, features, width, random, "linear" + number);
            NormalizationSettings own = settings with { Features = width, Positions = positions, Name = "norm" + number };
            layers.Add(options.Normalization.Wrap?.Invoke(linear, own) ?? linear);
            if (swaps)
            {
                layers.Add(Rearrangement.SwapAxes(positions, width, "channels" + number));
            }

            if (options.Normalization.Create(own) is { } norm)
            {
                layers.Add(norm);
            }

            layers.Add(new ReLU("relu" + number));
            if (swaps)
            {
                layers.Add(Rearrangement.SwapAxes(width, positions, "features" + number));
            }

            features = width;
        }

        if (options.Patches is not null)
        {
            layers.Add(Rearrangement.Flatten(positions, features));
            features *= positions;
        }

        string last = (index + 1).ToString(CultureInfo.InvariantCulture);
        layers.Add(CreateLinear(options, features, options.Classes, random, "linear" + last));
        return new Sequential(layers);
    }

    private static Linear CreateLinear(MlpOptions options, int inputs, int outputs, RandomSource random, string name)
    {
        Linear linear = new(inputs, outputs, random, options.Initialization, name: name);

        // A factor of exactly 1 changes no bit.
        TensorPrimitives.Multiply(linear.Weight.Value, (float)options.InitializationScale, linear.Weight.Value);
        if (!float.IsFinite(TensorPrimitives.MaxMagnitude(linear.Weight.Value)))
        {
            Throw.OutOfRange(nameof(options.InitializationScale), "a factor with which the drawn weights are finite", options.InitializationScale);
        }

        return linear;
    }
}
