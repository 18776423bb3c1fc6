using NormLayers.Exchange;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Network;

namespace NormLayers.Lab.Tests.Training;

public sealed class ClassifierTests
{
    public static TheoryData<string> Modes => [.. NormalizationKind.All.Where(k => !k.NeedsPositions).Select(k => k.Name)];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Load_SavedClassifier_PredictsTheSame(string mode)
    {
        (Classifier trained, DataSplit raw, TrainingResult result) = Train(mode);
        byte[] file = Save(trained);

        Classifier loaded = Classifier.Load(new MemoryStream(file));

        SampleSet test = SampleSet.Of(raw.Test, loaded.Format);
        ClassifierEvaluation evaluation = loaded.Evaluate(test);
        ClassifierPrediction prediction = loaded.Predict(test);
        Assert.Equal(result.Test, new Evaluation(evaluation.Loss, evaluation.Accuracy));
        Assert.Equal(prediction.Probabilities, trained.Predict(test).Probabilities);
        Assert.Equal(file, Save(loaded));
        Assert.Equal(trained.Standardization!.Moments, loaded.Standardization!.Moments);
        Assert.InRange(prediction.Probabilities.Distinct().Count(), 30, 150);
        Assert.Equal(evaluation.Accuracy, evaluation.Confusion.Select((row, c) => row[c]).Sum() / (double)test.Count);
        Assert.Equal((test.Count, 0), (evaluation.Confusion.Sum(row => row.Sum()), evaluation.Unclassified));
        foreach ((float[] row, int found) in prediction.Probabilities.Chunk(3).Zip(prediction.Classes))
        {
            Assert.Equal(1, row.Sum(), 1e-5);
            Assert.Equal(row.Max(), row[found]);
        }
    }

    [Theory]
    [InlineData("instancenorm")]
    [InlineData("groupnorm")]
    [InlineData("batchrenorm")]
    public void Load_ClassifierOfPatches_PredictsTheSame(string mode)
    {
        DataSplit digits = Digits.Load().Split(300, 1);
        TrialOptions options = new() { Normalization = NormalizationKind.Find(mode)!, Patches = new PatchOptions(4, 2), Epochs = 1 };
        PreparedTrial trial = new(options, digits with { Train = digits.Train.Take(200, 1) });
        TrainingResult result = trial.Run(cancellationToken: TestContext.Current.CancellationToken).Result;

        Classifier loaded = Classifier.Load(new MemoryStream(Save(trial.ToClassifier())));

        ClassifierEvaluation evaluation = loaded.Evaluate(SampleSet.Of(digits.Test, loaded.Format));
        Assert.Equal(result.Test, new Evaluation(evaluation.Loss, evaluation.Accuracy));
    }

    [Fact]
    public void Load_StreamThatCannotSeek_IsTheSame()
    {
        (Classifier trained, DataSplit raw, _) = Train("batchnorm");
        byte[] file = Save(trained);
        using System.IO.Compression.BrotliStream pipe = new(new MemoryStream(Packed(file)), System.IO.Compression.CompressionMode.Decompress);
        SampleSet test = SampleSet.Of(raw.Test, trained.Format);
        Assert.Equal(trained.Predict(test).Probabilities, Classifier.Load(pipe).Predict(test).Probabilities);
    }

    [Fact]
    public void Share_ManyCallersAtOnce_PredictTheSame()
    {
        (Classifier trained, DataSplit raw, _) = Train("batchnorm");
        SampleSet test = SampleSet.Of(raw.Test, trained.Format);
        ClassifierPrediction expected = trained.Predict(test);
        ClassifierEvaluation evaluation = trained.Evaluate(test);
        Parallel.For(0, 8, _ =>
        {
            Classifier share = trained.Share();
            Assert.Same(trained.Network.Parameters[0], share.Network.Parameters[0]);
            Assert.Equal(expected.Probabilities, share.Predict(test).Probabilities);
            Assert.Equal(evaluation.Loss, share.Evaluate(test).Loss);
        });
    }

    [Fact]
    public void Predict_LogitsThatAreNotFinite_HaveNoClass()
    {
        (Classifier trained, DataSplit raw, _) = Train("none");
        trained.Network.Parameters[^1].Value[1] = float.PositiveInfinity;
        ClassifierPrediction prediction = trained.Predict(SampleSet.Of(raw.Test, trained.Format));
        Assert.All(prediction.Classes, c => Assert.Equal(-1, c));
        Assert.All(prediction.Probabilities, p => Assert.Equal(float.NaN, p));
        ClassifierEvaluation evaluation = trained.Evaluate(SampleSet.Of(raw.Test, trained.Format));
        Assert.Equal(raw.Test.Count, evaluation.Unclassified);
        Assert.Equal(0, evaluation.Confusion.Sum(row => row.Sum()));
    }

    [Fact]
    public void Of_OtherClassesOrFeatures_SaysSo()
    {
        (Classifier trained, DataSplit raw, _) = Train("layernorm");
        Dataset test = raw.Test;
        SampleSet other = SampleSet.Of(new Dataset("other", test.Features, test.Labels, test.FeatureCount, test.ClassCount) { ClassNames = ["0", "1", "z"] }, trained.Format);
        Assert.Equal("class 'z' of other is no class of the model", other.LabelProblem);
        Assert.Null(other.Labels);
        Assert.Throws<ArgumentException>(() => trained.Evaluate(other));
        Assert.Equal(test.Count, trained.Predict(other).Classes.Count);
        SampleSet turned = SampleSet.Of(new Dataset("turned", test.Features, test.Labels, test.FeatureCount, test.ClassCount) { ClassNames = ["2", "1.0", "0"] }, trained.Format);
        Assert.Equal(test.Labels.Select(l => 2 - l), turned.Labels);
        DataFormatException refused = Assert.Throws<DataFormatException>(() => SampleSet.Of(new Dataset("small", new float[4], [0, 1], 2, 3), trained.Format));
        Assert.Equal("small: expected 4 features as the model takes, got 2.", refused.Message);
    }

    [Theory]
    [InlineData("\"normalization\":\"layernorm\"", "\"normalization\":\"softnorm\"", "as the normalization, got 'softnorm'")]
    [InlineData("\"epsilon\":", "\"epsilon\":-", "expected a finite ε ≥ 0")]
    [InlineData("\"momentum\":0.1", "\"momentum\":7.1", "a momentum from 0 to 1")]
    [InlineData("[\"0\",\"1\",\"2\"]", "[\"0\",\"1\"]", "expected shape (2) of 'linear3.bias'")]
    [InlineData("[\"0\",\"1\",\"2\"]", "[\"0\",null,\"2\"]", "a name for each class")]
    [InlineData("[\"0\",\"1\",\"2\"]", "null", "expected the JSON of a classifier")]
    [InlineData("[6,5]", "[6,500000000]", "with weights that the file has, got 4 x 6 x 500000000 x 3")]
    [InlineData("[6,5]", "[]", "over hidden layers")]
    [InlineData("[6,5]", "[6,-5]", "over hidden layers")]
    [InlineData("[6,5]", "[6]", "expected shape (3) of 'linear2.bias'")]
    [InlineData("\"features\":4", "\"features\":5", "expected shape (6, 5) of 'linear1.weight'")]
    [InlineData("\"classes\"", "\"classez\"", "got something else: the key 'classez' is unknown.")]
    [InlineData("\"standardized\":true", "\"standardized\":1", "got something else: '$.standardized' is of another kind.")]
    [InlineData("\"features\":4,", "", "got something else: keys are missing: 'features'.")]
    [InlineData("{", "[", "expected the JSON of a classifier in the metadata 'classifier', got something else: no JSON in line 1, byte 17.")]
    [InlineData("\"hidden\":[6,5]", "\"hidden\":[6,true]", "got something else: '$.hidden[1]' is of another kind.")]
    public void Load_ChangedText_IsRefused(string old, string changed, string message)
    {
        (Classifier trained, _, _) = Train("layernorm");
        string text = new SafetensorsReader(new MemoryStream(Save(trained))).Metadata["classifier"];
        Assert.Contains(old, text, StringComparison.Ordinal);
        AssertRefused(message, stream => trained.Network.Save(
            stream, new Dictionary<string, string> { ["classifier"] = text.Replace(old, changed, StringComparison.Ordinal) }, trained.Standardization!.ToTensors("standardization.")));
    }

    [Theory]
    [InlineData("batchnorm", "running_var", -1e-9f)]
    [InlineData("batchnorm", "running_var", float.NaN)]
    [InlineData("ghostbatchnorm", "running_var", float.NegativeInfinity)]
    [InlineData("batchrenorm", "running_std", -1f)]
    public void Load_RunningStatisticOfNoData_IsRefused(string mode, string part, float value)
    {
        Classifier trained = Train(mode).Classifier;
        IReadOnlyDictionary<string, string> metadata = new SafetensorsReader(new MemoryStream(Save(trained))).Metadata;
        trained.Network.NamedState.First(s => s.Name.EndsWith(part, StringComparison.Ordinal)).Floats![2] = value;
        using MemoryStream stream = new();
        SafetensorsWriter.Write(stream, [.. trained.Network.NamedState.Where(s => s.IsInStateDict), .. trained.Standardization!.ToTensors("standardization.")], metadata);
        stream.Position = 0;

        InvalidDataException e = Assert.Throws<InvalidDataException>(() => Classifier.Load(stream));

        Assert.Contains(FormattableString.Invariant($"{part}', got {value}"), e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OtherFiles_AreRefused()
    {
        (Classifier trained, _, _) = Train("none");
        Dictionary<string, string> text = new(new SafetensorsReader(new MemoryStream(Save(trained))).Metadata.Where(m => m.Key == "classifier"));
        NamedState[] tensors = [.. trained.Standardization!.ToTensors("standardization.")];
        AssertRefused("with the metadata 'classifier'", stream => trained.Network.Save(stream));
        AssertRefused("expected the tensor 'standardization.scale' of 4 F64, one a feature, got none", stream => trained.Network.Save(stream, text));
        AssertRefused("got F64 'standardization.mean' [3]", stream => trained.Network.Save(stream, text, [.. tensors.Where(t => t.Name != "standardization.mean"), new NamedState("standardization.mean", 3, new double[3])]));
        AssertRefused("deviations ≥ 0", stream => trained.Network.Save(stream, text, [.. tensors[..3], new NamedState("standardization.deviation", 4, [1.0, 1, -1, 1])]));
        AssertRefused("got also 'extra'", stream => trained.Network.Save(stream, text, [.. tensors, new NamedState("extra", 1, [1f])]));
        AssertRefused("expected the tensor 'linear1.bias'", stream => SafetensorsWriter.Write(stream, [.. trained.Network.NamedState.Where(s => s.Name != "linear1.bias"), .. tensors], text));
        byte[] file = Save(trained);
        for (int length = 0; length < file.Length; length += 7)
        {
            Assert.Throws<InvalidDataException>(() => Classifier.Load(new MemoryStream(file[..length])));
        }
    }

    [Fact]
    public void Load_FileThatShrinksMeanwhile_IsRefused()
    {
        byte[] file = Save(Train("batchnorm").Classifier);
        for (int length = 0; length < file.Length; length += 7)
        {
            Assert.Throws<InvalidDataException>(() => Classifier.Load(new CutStream(file, length)));
        }

        using CutStream whole = new(file, file.Length);
        Assert.NotNull(Classifier.Load(whole));
    }

    [Fact]
    public void Save_FullDisk_ThrowsAndTheClassifierStays()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full is of Linux");
        (Classifier trained, DataSplit raw, _) = Train("batchnorm");
        SampleSet test = SampleSet.Of(raw.Test, trained.Format);
        IReadOnlyList<float> before = trained.Predict(test).Probabilities;

        using (FileStream full = new("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0))
        {
            Assert.Throws<IOException>(() => trained.Save(full));
            Assert.Throws<IOException>(() => trained.WriteOnnx(full));
        }

        Assert.Equal(before, trained.Predict(test).Probabilities);
    }

    [Theory]
    [InlineData("a,b,k\n1,2,x\n3,4,y\n", "0,1", "the labels are in column 'k'")]
    [InlineData("1,2,x\n3,4,y\n", "0,1", "the labels are in column 2 (counted from 0)")]
    [InlineData("k,a,b\nx,1,2\ny,3,4\n", "0,1", "the labels are in column 'k'")]
    [InlineData("a,b\n1,2\n3,4\n", null, "no label column")]
    [InlineData("1,2\n3,4\n", null, "no label column")]
    [InlineData("1,2,x\n3,4,z\n", null, "the labels are in column 2")]
    [InlineData("1,2,\n3,4,\n", null, "the labels are in column 2")]
    public void ReadSamples_WithAndWithoutLabels_FindsThem(string text, string? labels, string remark)
    {
        SampleSet samples = Read(text);
        Assert.Equal(labels, samples.Labels is null ? null : string.Join(',', samples.Labels));
        Assert.Equal(samples.Labels is null, samples.LabelProblem is not null);
        Assert.Equal([1f, 2, 3, 4], samples.Data.Features);
        Assert.Contains(remark, samples.Origin.Remarks[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1\n2\n", "expected 2 features as the model takes, and one label or none, got 1 fields")]
    [InlineData("1;2\n3;4\n", "got 1 fields (fields separated by ';'? set the delimiter, data.delimiter)")]
    [InlineData("1,2,3,4\n", "expected 2 features as the model takes, and one label or none, got 4 fields")]
    [InlineData("a,k\n1,x\n", "expected 2 features as the model takes beside the label 'k', got 1 features")]
    [InlineData("b,a,k\n1,2,x\n", "expected the features in the order of the training, 'a' where 'b' is")]
    [InlineData("a,b\n", "expected rows of samples below the header, got none")]
    [InlineData("", "expected rows of samples, got an empty file")]
    [InlineData("1,2\n3,w\n", "expected a finite number in column 1")]
    [InlineData("0,1,2\n1,2,x\n3,4,y\n", "expected a header or a sample, got the numbers of the columns")]
    public void ReadSamples_OthersThanInTraining_AreRefused(string text, string message) =>
        Assert.Contains(message, Assert.Throws<DataFormatException>(() => Read(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void ReadSamples_HeaderThatCountsTheColumns_IsOneForFeaturesWithoutNames()
    {
        const string Text = "0,1,target\n1,2,y\n3,4,y\n";

        SampleSet samples = Read(Text, names: null);

        Assert.Equal([1, 1], samples.Labels!);
        Assert.Contains("line 1 is the header", samples.Origin.Remarks[0], StringComparison.Ordinal);
        Assert.Contains(", line 1: expected the features in the order of the training, 'a' where '0' is", Assert.Throws<DataFormatException>(() => Read(Text)).Message, StringComparison.Ordinal);
        Assert.Equal([1, 1], Read(Text, names: ["0", "1"]).Labels!);
    }

    [Theory]
    [InlineData("a,b\n1,2\n3,4\n")]
    [InlineData("a,b,k\n1,2,x\n3,4,y\n")]
    [InlineData("a,b,c\n1,2,x\n3,4,y\n")]
    [InlineData("1,2,x\n3,4,y\n")]
    public void ReadSamples_LabelColumnThatIsNotThere_NamesThoseThatAre(string text)
    {
        string columns = text[..text.IndexOf('\n', StringComparison.Ordinal)];

        DataFormatException e = Assert.Throws<DataFormatException>(() => Read(text, labelColumn: "kk"));

        Assert.EndsWith($", line 1: expected a header with one column named 'kk', got '{columns}'.", e.Message, StringComparison.Ordinal);
    }

    // The configuration of the training may go on naming its column where the samples have no labels.
    [Theory]
    [InlineData("a,b\n1,2\n3,4\n", null)]
    [InlineData("1,2\n3,4\n", null)]
    [InlineData("k,a,b\nx,1,2\ny,3,4\n", "0,1")]
    public void ReadSamples_LabelColumnOfTheTraining_MayBeMissing(string text, string? labels) =>
        Assert.Equal(labels, Read(text, labelColumn: "k") is { Labels: { } found } ? string.Join(',', found) : null);

    private static SampleSet Read(string text) => Read(text, ["a", "b"]);

    private static SampleSet Read(string text, string? labelColumn) => Read(text, ["a", "b"], labelColumn);

    private static SampleSet Read(string text, string[]? names, string? labelColumn = null)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, text);
            return CsvData.ReadSamples(path, new SampleFormat(2, ["x", "y"]) { FeatureNames = names, LabelColumn = "k", LabelIndex = 2 }, new CsvOptions { LabelColumn = labelColumn });
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static void AssertRefused(string message, Action<Stream> save)
    {
        using MemoryStream stream = new();
        save(stream);
        stream.Position = 0;
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Classifier.Load(stream)).Message, StringComparison.Ordinal);
    }

    private static byte[] Packed(byte[] bytes)
    {
        using MemoryStream packed = new();
        using (System.IO.Compression.BrotliStream pack = new(packed, System.IO.Compression.CompressionMode.Compress))
        {
            pack.Write(bytes);
        }

        return packed.ToArray();
    }

    private static byte[] Save(Classifier classifier)
    {
        using MemoryStream stream = new();
        classifier.Save(stream);
        return stream.ToArray();
    }

    private static (Classifier Classifier, DataSplit Raw, TrainingResult Result) Train(string mode)
    {
        DataSplit raw = SyntheticClassification.Generate(new SyntheticOptions { TrainCount = 200, TestCount = 50, Features = 4, Classes = 3, ScaleSpread = 2, Seed = 3 });
        TrialOptions options = new() { Normalization = NormalizationKind.Find(mode)!, HiddenFeatures = [6, 5], Epochs = 15, BatchSize = 20, LearningRate = 0.1 };
        PreparedTrial trial = new(options, raw.Standardize());
        TrialResult result = trial.Run();
        return (trial.ToClassifier(), raw, result.Result);
    }
}
