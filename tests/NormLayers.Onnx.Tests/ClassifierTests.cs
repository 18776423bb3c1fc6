using Microsoft.ML.OnnxRuntime;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Network;
using NormLayers.Tests.Support;

namespace NormLayers.Onnx.Tests;

/// <summary>A trained classifier in ONNX Runtime takes features as they are, and gives the probabilities that it gives here.</summary>
public sealed class ClassifierTests
{
    public static TheoryData<string> Modes => [.. NormalizationKind.All.Where(k => !k.NeedsPositions).Select(k => k.Name)];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Run_TrainedClassifier_GivesTheSameProbabilities(string mode)
    {
        // Offsets of a thousand standard deviations, and a feature that is constant.
        DataSplit drawn = SyntheticClassification.Generate(new SyntheticOptions { TrainCount = 200, TestCount = 60, Features = 6, Classes = 3, ScaleSpread = 3, OffsetSpread = 1000 });
        DataSplit data = new(WithConstant(drawn.Train), WithConstant(drawn.Test));
        PreparedTrial trial = new(new TrialOptions { Normalization = NormalizationKind.Find(mode)!, HiddenFeatures = [16, 8], Epochs = 4, BatchSize = 20 }, data.Standardize());
        trial.Run(cancellationToken: TestContext.Current.CancellationToken);
        Classifier classifier = trial.ToClassifier();
        using MemoryStream stream = new();
        int opset = classifier.WriteOnnx(stream, options: new OnnxOptions { Input = "features", Output = "logits", Softmax = "probabilities" });
        Assert.InRange(opset, 17, 23);

        ClassifierPrediction ours = classifier.Predict(SampleSet.Of(data.Test, classifier.Format));
        using InferenceSession session = new(stream.ToArray());
        using OrtValue x = OrtValue.CreateTensorValueFromMemory(data.Test.Features, [60, 6]);
        using RunOptions options = new();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, ["features"], [x], ["logits", "probabilities"]);
        float[] logits = outputs[0].GetTensorDataAsSpan<float>().ToArray();
        float[] probabilities = outputs[1].GetTensorDataAsSpan<float>().ToArray();

        Compare.Within(Compare.Widen([.. ours.Probabilities]), Compare.Widen(probabilities), 1e-5, "probabilities");
        Assert.Equal(ours.Classes, logits.Chunk(3).Select(row => Array.IndexOf(row, row.Max())));
        Assert.True(ours.Classes.Distinct().Count() > 1, "it has learnt nothing");
        Assert.Contains("\"classes\":[\"0\",\"1\",\"2\"]", session.ModelMetadata.CustomMetadataMap["classifier"], StringComparison.Ordinal);
        Assert.Contains("features as they are, standardized in the model", session.ModelMetadata.Description, StringComparison.Ordinal);
    }

    private static Dataset WithConstant(Dataset data)
    {
        float[] features = [.. data.Features];
        for (int n = 0; n < data.Count; n++)
        {
            features[n * data.FeatureCount + 2] = 1e30f;
        }

        return new Dataset(data.Name, features, data.Labels, data.FeatureCount, data.ClassCount);
    }
}
