using NormLayers.Exchange;
using NormLayers.Lab.Data;
using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Lab.Training;

/// <summary>A trained network with what is needed to use it: the names of the classes, and what its inputs were standardized with.</summary>
/// <remarks>
/// Saved as one safetensors file: the network as <see cref="LayerFiles"/> saves it, the standardization as tensors <c>standardization.*</c> in double,
/// and the rest as JSON in the metadata, key <c>classifier</c>.
/// </remarks>
public sealed class Classifier
{
    private const string Key = "classifier";
    private const string Prefix = "standardization.";
    private const int BatchRows = 256;

    /// <summary>Puts a network and its data's names together.</summary>
    /// <param name="network">The trained network that <see cref="Mlp.Create"/> returned for <paramref name="options"/>.</param>
    /// <param name="options">Its widths and normalization.</param>
    /// <param name="format">The samples it takes, and the names of its classes.</param>
    /// <param name="standardization">What the training set was standardized with; null for nothing.</param>
    /// <exception cref="ArgumentException">The numbers of classes or features do not fit together.</exception>
    public Classifier(Sequential network, MlpOptions options, SampleFormat format, Standardization? standardization = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(format);
        Throw.IfLengthDiffers(format.FeatureCount, options.InputFeatures, nameof(format));
        Throw.IfLengthDiffers(format.ClassNames.Count, options.Classes, nameof(format));
        Shape output = Throw.IfRefused(network, (1, options.InputFeatures), $"a network of {options.InputFeatures} features, as in the options", "another", nameof(network));
        Throw.IfLengthDiffers(output.Length, options.Classes, nameof(network));
        if (standardization is not null)
        {
            Throw.IfLengthDiffers(standardization.FeatureCount, options.InputFeatures, nameof(standardization));
        }

        (Network, Options, Format, Standardization) = (network, options, format, standardization);
    }

    /// <summary>The network.</summary>
    public Sequential Network { get; }

    /// <summary>Its widths and normalization. Initialization and seed are not saved, because training has replaced what they set.</summary>
    public MlpOptions Options { get; }

    /// <summary>The samples it takes, and the names of its classes.</summary>
    public SampleFormat Format { get; }

    /// <summary>What is done to samples before the network sees them; null for nothing.</summary>
    public Standardization? Standardization { get; }

    /// <summary>What the file said beside; empty for a classifier that was not loaded.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; private init; } = new Dictionary<string, string>();

    /// <summary>Reads a file that <see cref="Save"/> has written.</summary>
    /// <param name="stream">The file, from its beginning; it stays open. One that cannot seek is read into memory.</param>
    /// <exception cref="InvalidDataException">It is damaged, or no classifier's file; the message says what is wrong or missing.</exception>
    public static Classifier Load(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!stream.CanSeek)
        {
            using MemoryStream copy = new();
            stream.CopyTo(copy);
            copy.Position = 0;
            return Load(copy);
        }

        SafetensorsReader file = new(stream);
        ClassifierText text = ClassifierText.Parse(file.Metadata.GetValueOrDefault(Key)
            ?? throw new InvalidDataException($"expected a model that 'train --save' or Classifier.Save wrote, with the metadata '{Key}' (widths, normalization, classes), got a file without it."));
        MlpOptions options = text.ToOptions(file.Tensors);
        Sequential network = Create(options);
        LoadReport report = network.Load(file, strict: false);
        string[] unexpected = [.. report.Unexpected.Where(n => !n.StartsWith(Prefix, StringComparison.Ordinal))];
        if (report.Missing.Count + unexpected.Length > 0)
        {
            throw new InvalidDataException(report.Missing.Count > 0
                ? $"expected the tensor {DataText.Quote(report.Missing[0])} of the network, got none."
                : $"expected the network's tensors only, got also {DataText.Quote(unexpected[0])}.");
        }

        if (network.NamedState.FirstOrDefault(s => s.IsNotNegative && (s.Floats ?? []).Any(float.IsNaN)) is { } spread)
        {
            throw new InvalidDataException($"expected values ≥ 0 in '{spread.Name}', got NaN.");
        }

        return new Classifier(network, options, text.ToFormat(), text.Standardized ? ReadStandardization(file, options.InputFeatures) : null) { Metadata = file.Metadata };
    }

    // Whether a normalization fits a width is known to its kind.
    private static Sequential Create(MlpOptions options)
    {
        try
        {
            return Mlp.Create(options);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"expected a network that can be built: {e.Message}", e);
        }
    }

    /// <summary>Writes the network and all that belongs to it.</summary>
    /// <param name="stream">Where to; it stays open.</param>
    /// <param name="metadata">More text by key; null for none.</param>
    public void Save(Stream stream, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Dictionary<string, string> text = new(metadata ?? new Dictionary<string, string>()) { [Key] = ClassifierText.From(this).ToJson() };
        Network.Save(stream, text, Standardization?.ToTensors(Prefix));
    }

    /// <summary>Writes the network as an ONNX model, with the names of the classes as metadata.</summary>
    /// <param name="stream">Where to; it stays open.</param>
    /// <param name="standardize">Whether the model standardizes its input as in training; it takes standardized features otherwise.</param>
    /// <param name="options">Names of inputs and outputs, and metadata; documentation and standardization are set here. Null for the defaults.</param>
    /// <returns>The model's opset.</returns>
    /// <exception cref="NotSupportedException">A layer that ONNX has no operator for.</exception>
    public int WriteOnnx(Stream stream, bool standardize = true, OnnxOptions? options = null)
    {
        options ??= new OnnxOptions();
        string input = Standardization is null ? "features as they are" : standardize ? "features as they are, standardized in the model" : "features standardized as in training";
        return Network.WriteOnnx(stream, Options.InputFeatures, options with
        {
            Documentation = $"A classifier with {Options.Normalization.Title}. Input: {input}. Output: a logit for each class.",
            Standardization = standardize ? Standardization?.Numbers : null,
            Metadata = new Dictionary<string, string>(options.Metadata) { [Key] = ClassifierText.From(this).ToJson() },
        });
    }

    /// <summary>The same classifier for another thread: the network's <see cref="Sequential.Share"/>, with which it predicts and evaluates.</summary>
    public Classifier Share() => new(Network.Share(), Options, Format, Standardization) { Metadata = Metadata };

    /// <summary>The class and the probabilities of each sample.</summary>
    /// <param name="samples">The samples as they were read; they are standardized here. One with a feature beyond the range of floats has no class.</param>
    /// <exception cref="ArgumentException">Another number of features.</exception>
    public ClassifierPrediction Predict(SampleSet samples)
    {
        Dataset data = Prepare(samples);
        int C = Format.ClassNames.Count;
        int D = data.FeatureCount;
        float[] probabilities = new float[data.Count * C];
        int[] classes = new int[data.Count];
        using EvaluationMode evaluation = new(Network);
        for (int start = 0; start < data.Count; start += BatchRows)
        {
            int rows = Math.Min(BatchRows, data.Count - start);
            Network.Forward(data.Features.AsSpan(start * D, rows * D), (rows, D), probabilities.AsSpan(start * C, rows * C));
        }

        for (int n = 0; n < classes.Length; n++)
        {
            classes[n] = Softmax(probabilities.AsSpan(n * C, C));
        }

        return new ClassifierPrediction(classes, probabilities);
    }

    /// <summary>Loss, accuracy and confusion on labelled samples.</summary>
    /// <param name="samples">The samples as they were read; they are standardized here. One with a feature beyond the range of floats has no class.</param>
    /// <exception cref="ArgumentException">Another number of features, no samples, or no labels.</exception>
    public ClassifierEvaluation Evaluate(SampleSet samples)
    {
        Dataset data = Prepare(samples);
        if (samples.LabelProblem is { } problem)
        {
            Throw.Argument(nameof(samples), "labels among the classes", problem);
        }

        int C = Format.ClassNames.Count;
        int[][] confusion = [.. Format.ClassNames.Select(_ => new int[C])];
        int unclassified = 0;
        Evaluation evaluation = Trainer.Evaluate(Network, data, (start, logits) =>
        {
            for (int n = 0; n < logits.Length / C; n++)
            {
                if (ClassOf(logits.Slice(n * C, C)) is >= 0 and int found)
                {
                    confusion[data.Labels[start + n]][found]++;
                }
                else
                {
                    unclassified++;
                }
            }
        });
        return new ClassifierEvaluation(evaluation.Loss, evaluation.Accuracy, confusion, unclassified);
    }

    private Dataset Prepare(SampleSet samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        Throw.IfLengthDiffers(samples.Data.FeatureCount, Options.InputFeatures, nameof(samples));
        Dataset data = samples.Data;
        Dataset ready = Standardization?.Apply(data) ?? (data.Doubles is { } doubles ? data.With(Array.ConvertAll(doubles, v => (float)v), data.Labels) : data);

        // Infinity may become a finite output, in a ReLU or a tanh; NaN does not.
        return ready.Features.All(float.IsFinite) ? ready : ready.With(Array.ConvertAll(ready.Features, v => float.IsFinite(v) ? v : float.NaN), ready.Labels);
    }

    // The first largest logit; −1 where one is not finite.
    private static int ClassOf(ReadOnlySpan<float> logits)
    {
        int largest = 0;
        bool finite = true;
        for (int j = 0; j < logits.Length; j++)
        {
            finite &= float.IsFinite(logits[j]);
            largest = logits[j] > logits[largest] ? j : largest;
        }

        return finite ? largest : -1;
    }

    // Replaces logits by probabilities; returns the class.
    private static int Softmax(Span<float> row)
    {
        int largest = ClassOf(row);
        if (largest < 0)
        {
            row.Fill(float.NaN);
            return -1;
        }

        double max = row[largest];
        double sum = 0;
        foreach (float logit in row)
        {
            sum += Elementary.Exp(logit - max);
        }

        foreach (ref float value in row)
        {
            value = (float)(Elementary.Exp(value - max) / sum);
        }

        return largest;
    }

    private static Standardization ReadStandardization(SafetensorsReader file, int features)
    {
        return Standardization.From(Read("scale"), Read("shift"), Read("mean"), Read("deviation"))
            ?? throw new InvalidDataException($"expected finite numbers, positive scales and deviations ≥ 0 in {Prefix}*, got others.");

        double[] Read(string name) => file.Tensors.FirstOrDefault(t => t.Name == Prefix + name) is { DataType: "F64" } tensor && tensor.Shape is [var length] && length == features
            ? file.ReadDoubles(tensor)
            : throw new InvalidDataException($"expected the tensor '{Prefix}{name}' of {features} F64, one a feature, got {file.Tensors.FirstOrDefault(t => t.Name == Prefix + name)?.ToString() ?? "none"}.");
    }
}
