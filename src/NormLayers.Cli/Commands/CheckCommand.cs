using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using NormLayers.Cli.Output;
using NormLayers.Network;
using NormLayers.Verification;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers check</c>: holds gradients to difference quotients, or results to exact arithmetic, on this machine.</summary>
internal static class CheckCommand
{
    private const int Samples = 6;
    private const int Features = 7;

    public static IReadOnlyList<string> Examples { get; } = ["normlayers check", "normlayers check --accuracy", "normlayers check --accuracy --search", "normlayers check --accuracy --json"];

    public static Command Create()
    {
        Option<bool> accuracy = new("--accuracy") { Description = "Measure float results against exact arithmetic, on hostile data." };
        Option<bool> search = new("--search") { Description = "With --accuracy, also search for the worst errors of y and dx." };
        Option<bool> json = new("--json") { Description = "Print JSON." };
        Command command = new("check", "Check every gradient against difference quotients, or every result against exact arithmetic.") { accuracy, search, json };
        command.Validators.Add(parsed =>
        {
            if (parsed.GetValue(search) && !parsed.GetValue(accuracy))
            {
                parsed.AddError("--search needs --accuracy.");
            }
        });
        command.SetAction(parsed =>
        {
            using Interruption interruption = new();
            try
            {
                return parsed.GetValue(accuracy) ? CheckAccuracy(parsed.GetValue(search), parsed.GetValue(json), interruption.Token) : CheckGradients(parsed.GetValue(json));
            }
            catch (OperationCanceledException)
            {
                return interruption.ExitCode;
            }
        });
        return command;
    }

    private static int CheckGradients(bool json)
    {
        List<GradientDocument> documents = [];
        StringBuilder text = new();
        bool passed = true;
        foreach (NormalizationKind normalization in NormalizationKind.All)
        {
            Sequential network = Mlp.Create(new MlpOptions { InputFeatures = Features, HiddenFeatures = [9, 8], Classes = 4, Normalization = normalization });
            GradientReport report = GradientCheck.Check(network, (Samples, Features));
            string mode = normalization.Name;
            passed &= report.Passed;
            documents.Add(new GradientDocument(mode, report.Passed, report.Tensors));
            text.AppendLine(CultureInfo.InvariantCulture, $"{mode}: {Features}-9-8-4, {Samples} samples").AppendLine(report.ToString()).AppendLine();
        }

        text.Append(passed ? "Every gradient agrees with its difference quotient." : "Gradients and difference quotients DISAGREE.");
        Console.Out.WriteLine(json ? JsonSerializer.Serialize(documents, ResultJson.Default.ListGradientDocument) : text.ToString());
        return passed ? ExitCode.Success : ExitCode.Mismatch;
    }

    private static int CheckAccuracy(bool search, bool json, CancellationToken cancellationToken)
    {
        IReadOnlyList<AccuracyRow> rows = AccuracyCheck.Run(cancellationToken: cancellationToken);
        IReadOnlyList<AccuracyRow> found = search ? AccuracySearch.Run(cancellationToken: cancellationToken) : [];
        bool passed = rows.Concat(found).All(r => r.Passed);
        Console.Out.WriteLine(json ? JsonSerializer.Serialize([.. rows, .. found], ResultJson.Default.ListAccuracyRow) : AccuracyTable(rows, found, passed));
        return passed ? ExitCode.Success : ExitCode.Mismatch;
    }

    private static string AccuracyTable(IReadOnlyList<AccuracyRow> rows, IReadOnlyList<AccuracyRow> found, bool passed)
    {
        StringBuilder text = new("u is one float ulp of the larger of the exact result and the largest term of its last sum.\n\n");
        text.AppendLine("layer         output            worst error  bound  on");
        foreach (IGrouping<(string Layer, string Output), AccuracyRow> group in rows.GroupBy(r => (r.Layer, r.Output)))
        {
            text.AppendLine(AccuracyLine(group.FirstOrDefault(r => double.IsNaN(r.WorstError)) ?? group.MaxBy(r => r.WorstError)!));
        }

        foreach (AccuracyRow row in found)
        {
            text.AppendLine(AccuracyLine(row));
        }

        int kinds = rows.Select(r => r.Data).Distinct().Count();
        return text.AppendLine().Append(CultureInfo.InvariantCulture, $"{kinds} kinds of data; --json shows each. ")
            .Append(passed ? "Every error is within its bound." : "A bound is EXCEEDED.").ToString();
    }

    private static string AccuracyLine(AccuracyRow row) => string.Create(
        CultureInfo.InvariantCulture, $"{row.Layer,-12}  {row.Output,-16}  {row.WorstError,10:0.00}u  {row.Bound,4}u  {row.Data}{(row.Passed ? "" : "  EXCEEDED")}");
}

/// <summary>The gradient check of one network.</summary>
internal sealed record GradientDocument(string Mode, bool Passed, IReadOnlyList<TensorGradientError> Tensors);
