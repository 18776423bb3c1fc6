using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using NormLayers.Cli.Output;
using NormLayers.Network;
using NormLayers.Verification;

namespace NormLayers.Cli.Commands;

/// <summary><c>normlayers check</c>: holds every layer to its reference and to difference quotients, or results to exact arithmetic, on this machine.</summary>
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
        Option<bool> quiet = new("--quiet", "-q") { Description = "Show no progress." };
        Command command = new("check", "Check every layer against its reference in double and difference quotients, or every result against exact arithmetic.") { accuracy, search, json, quiet };
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
            Action<string> begin = parsed.GetValue(quiet) ? _ => { } : StandardStreams.WriteError;
            try
            {
                return parsed.GetValue(accuracy)
                    ? CheckAccuracy(parsed.GetValue(search), parsed.GetValue(json), begin, interruption.Token)
                    : CheckLayers(parsed.GetValue(json), begin, interruption.Token);
            }
            catch (OperationCanceledException)
            {
                StandardStreams.WriteError("stopped: a check has a result only when it is complete");
                return interruption.ExitCode;
            }
        });
        return command;
    }

    private static int CheckLayers(bool json, Action<string> begin, CancellationToken cancellationToken)
    {
        begin("checking layers against plain loops in double and difference quotients");
        IReadOnlyList<LayerCheckRow> layers = LayerCheck.Run(cancellationToken);
        begin("checking networks against difference quotients");
        List<NetworkDocument> networks = [];
        foreach (NormalizationKind normalization in NormalizationKind.All.Where(k => !k.NeedsPositions))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Sequential network = Mlp.Create(new MlpOptions { InputFeatures = Features, HiddenFeatures = [9, 8], Classes = 4, Normalization = normalization });
            GradientReport report = GradientCheck.Check(network, (Samples, Features));
            networks.Add(new NetworkDocument(normalization.Name, report.Passed, report.Tensors));
        }

        bool passed = layers.All(l => l.Passed) && networks.All(n => n.Passed);
        Console.Out.WriteLine(json ? JsonSerializer.Serialize(new CheckDocument(passed, layers, networks), ResultJson.Default.CheckDocument) : LayerTable(layers, networks, passed));
        return passed ? ExitCode.Success : ExitCode.Mismatch;
    }

    private static string LayerTable(IReadOnlyList<LayerCheckRow> layers, List<NetworkDocument> networks, bool passed)
    {
        const int MostFaults = 5;
        string bound = LayerCheck.Bound.ToString("0e-0", CultureInfo.InvariantCulture);
        StringBuilder text = new(TextTable.Format([
            ["layer", "cases", "values", "worst error", "gradients", "worst", string.Empty],
            .. layers.Select(l => (string[])[l.Layer, Whole(l.Cases), Whole(l.Values), Error(l.WorstError), Whole(l.Quotients), Share(l.WorstQuotient), Verdict(l.Passed)])]));
        text.AppendLine().AppendLine().AppendLine(TextTable.Format([
            [$"network {Features}-9-8-4", "gradients", "worst", string.Empty],
            .. networks.Select(n => (string[])[n.Mode, Whole(n.Tensors.Sum(t => t.Elements)), Share(n.Tensors.Max(Used)), Verdict(n.Passed)])]));
        text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"values: outputs, gradients and running statistics, beside plain loops in double; the error is a share of the tensor's largest value, at most {bound}.");
        text.AppendLine("gradients: beside difference quotients; the worst uses so much of what it is allowed.");
        foreach (string fault in layers.SelectMany(l => l.Faults.Take(MostFaults).Select(f => $"{l.Layer}: {f}")))
        {
            text.AppendLine(fault);
        }

        foreach (NetworkDocument network in networks.Where(n => !n.Passed))
        {
            text.AppendLine(network.Mode).AppendLine(new GradientReport(network.Tensors).ToString());
        }

        return text.AppendLine().Append(passed ? "Every layer agrees with its reference, and every gradient with its difference quotient." : "A layer is WRONG.").ToString();
    }

    private static double Used(TensorGradientError row) => row.LargestError == 0 ? 0 : row.LargestError / row.Tolerance;

    private static string Whole(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    private static string Error(double value) => value.ToString("0.0e-0", CultureInfo.InvariantCulture);

    private static string Share(double value) => value.ToString("0 %", CultureInfo.InvariantCulture);

    private static string Verdict(bool passed) => passed ? "ok" : "WRONG";

    private static int CheckAccuracy(bool search, bool json, Action<string> begin, CancellationToken cancellationToken)
    {
        begin("measuring layers on hostile data against exact arithmetic");
        IReadOnlyList<AccuracyRow> rows = AccuracyCheck.Run(cancellationToken: cancellationToken);
        IReadOnlyList<AccuracyRow> found = [];
        if (search)
        {
            begin("searching for the worst errors");
            found = AccuracySearch.Run(cancellationToken: cancellationToken);
        }

        bool passed = rows.Concat(found).All(r => r.Passed);
        Console.Out.WriteLine(json ? JsonSerializer.Serialize([.. rows, .. found], ResultJson.Default.ListAccuracyRow) : AccuracyTable(rows, found, passed));
        return passed ? ExitCode.Success : ExitCode.Mismatch;
    }

    internal static string AccuracyTable(IReadOnlyList<AccuracyRow> rows, IReadOnlyList<AccuracyRow> found, bool passed)
    {
        StringBuilder text = new("u is one float ulp of the larger of the exact result and the largest term of its last sum.\n\n");
        AccuracyRow[] shown =
        [
            .. rows.GroupBy(r => (r.Layer, r.Output)).Select(g => g.FirstOrDefault(r => double.IsNaN(r.WorstError)) ?? g.MaxBy(r => r.WorstError)!),
            .. found,
        ];
        const string Layer = "layer";
        const string Output = "output";
        int layerWidth = shown.Select(r => r.Layer.Length).Append(Layer.Length).Max();
        int outputWidth = shown.Select(r => r.Output.Length).Append(Output.Length).Max();
        text.AppendLine($"{Layer.PadRight(layerWidth)}  {Output.PadRight(outputWidth)}  worst error  bound  on");
        foreach (AccuracyRow row in shown)
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{row.Layer.PadRight(layerWidth)}  {row.Output.PadRight(outputWidth)}  {row.WorstError,10:0.00}u  {row.Bound,4}u  {row.Data}{(row.Passed ? "" : "  EXCEEDED")}");
        }

        int kinds = rows.Select(r => r.Data).Distinct().Count();
        return text.AppendLine().Append(CultureInfo.InvariantCulture, $"{kinds} kinds of data; --json shows each. ")
            .Append(passed ? "Every error is within its bound." : "A bound is EXCEEDED.").ToString();
    }
}

/// <summary>The gradient check of one network.</summary>
internal sealed record NetworkDocument(string Mode, bool Passed, IReadOnlyList<TensorGradientError> Tensors);

/// <summary>The check of all layers, and of a network with each mode.</summary>
internal sealed record CheckDocument(bool Passed, IReadOnlyList<LayerCheckRow> Layers, IReadOnlyList<NetworkDocument> Networks);
