using System.Globalization;
using System.Text.Json;
using NormLayers.Cli.Commands;
using NormLayers.Cli.Configuration;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;

namespace NormLayers.Cli.Output;

/// <summary>How well a model does on labelled samples, as <c>evaluate</c> writes it.</summary>
internal sealed record EvaluationDocument
{
    private const int MostConfused = 12;

    public required string Mode { get; init; }

    public required UsedDataDocument Data { get; init; }

    public required double Loss { get; init; }

    public required double Accuracy { get; init; }

    public required IReadOnlyList<ClassEvaluation> Classes { get; init; }

    /// <summary>For each class of the labels, how many of its samples were predicted as each class.</summary>
    public required IReadOnlyList<IReadOnlyList<int>> Confusion { get; init; }

    public required VersionsDocument Versions { get; init; }

    public static EvaluationDocument From(ClassifierEvaluation evaluation, ModelFile model, SampleSet samples, ModelData data, Settings settings)
    {
        IReadOnlyList<IReadOnlyList<int>> confusion = evaluation.Confusion;
        int[] counts = new int[confusion.Count];
        foreach (int label in samples.Labels!)
        {
            counts[label]++;
        }

        return new EvaluationDocument
        {
            Mode = model.Classifier.Options.Normalization.Name,
            Data = UsedDataDocument.From(samples, data, settings),
            Loss = evaluation.Loss,
            Accuracy = evaluation.Accuracy,
            Classes = [.. model.Classifier.Format.ClassNames.Select((name, c) =>
            {
                int taken = confusion.Sum(row => row[c]);
                return new ClassEvaluation(name, counts[c], taken, confusion[c][c], Share(confusion[c][c], counts[c]), Share(confusion[c][c], taken));
            })],
            Confusion = confusion,
            Versions = VersionsDocument.Current,
        };

        static double? Share(int part, int whole) => whole == 0 ? null : (double)part / whole;
    }

    public byte[] ToUtf8() => [.. JsonSerializer.SerializeToUtf8Bytes(this, ResultJson.Default.EvaluationDocument), (byte)'\n'];

    public string ToTable()
    {
        string classes = TextTable.Format([
            ["class", "samples", "predicted", "correct", "recall", "precision"],
            .. Classes.Select(c => (string[])[c.Name, Whole(c.Samples), Whole(c.Predicted), Whole(c.Correct), Percent(c.Recall), Percent(c.Precision)])]);
        string confusion = Classes.Count > MostConfused
            ? $"{Classes.Count} classes: the confusion matrix is in the JSON"
            : TextTable.Format([
                ["true, predicted", .. Classes.Select(c => c.Name)],
                .. Confusion.Select((row, c) => (string[])[Classes[c].Name, .. row.Select(Whole)])]);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {classes}

            {confusion}

            {Mode}: loss {(double.IsFinite(Loss) ? Loss.ToString("0.0000", CultureInfo.InvariantCulture) : "not finite")}, accuracy {100 * Accuracy:0.00} % on {Data.Samples} samples of {Printable.Escape(Data.Name)} ({Data.Part})
            """);
    }

    private static string Whole(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Percent(double? share) => share is { } s ? string.Create(CultureInfo.InvariantCulture, $"{100 * s:0.00} %") : "-";
}

/// <summary>One class: recall is correct/samples, precision correct/predicted; null where nothing divides.</summary>
internal sealed record ClassEvaluation(string Name, int Samples, int Predicted, int Correct, double? Recall, double? Precision);
