using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Network;
using NormLayers.Numerics;

namespace NormLayers.Cli.Tests;

/// <summary>Every number of <c>docs/lab-answers.md</c> is one that the exercise's commands print.</summary>
[Trait("Duration", "long")]
public sealed class AnswerTests
{
    private const string Page = "lab-answers.md";
    private const string Deep = "model.hidden_dims=[32,32,32,32,32,32,32,32]";

    [Fact]
    public void FirstLoss_Commands_GiveTheNumbers()
    {
        TourStop answer = new(1, Page);
        double[] scales = [0.1, 0.25, 0.5, 1], losses = [.. scales.Select(s => FirstLoss(s))], others = [.. Enumerable.Range(43, 7).Select(s => FirstLoss(1, s))];
        string ends = string.Join(", ", new[] { 0.1, 1, 1.5 }.Select(s => FormattableString.Invariant($"{EndLoss(s):f3} at {s}")));

        Assert.Equal(losses[0], losses.MinBy(l => Math.Abs(l - Math.Log(10))));
        answer.Says($"the first loss is {losses[0]:f3}, the nearest to {Math.Log(10):f3} of those tried: {losses[1]:f3} at {scales[1]}, {losses[2]:f3} at {scales[2]}, {losses[3]:f3} at {scales[3]}.");
        answer.Says($"(Seed 42 is below ln 10 by chance: the next seven seeds begin at {others.Min():f2} to {others.Max():f2}.)");
        Assert.All(others, l => Assert.True(l > Math.Log(10)));
        answer.Says($"After 30 epochs");
        answer.Says($"the test loss is {ends} and {EndLoss(4):f3} at 4.");
        answer.HasNoOtherNumbers();

        static double FirstLoss(double scale, int seed = 42) =>
            (double)Train("--epochs", "1", "--probe", "1", "--seed", $"{seed}", "--set", Scale(scale))["probes"]!["training_loss"]![0]!;

        static double EndLoss(double scale) => (double)Train("--epochs", "30", "--set", Scale(scale))["test_loss"]!;

        static JsonObject Train(params string[] arguments) => Run(["train", "--mode", "none", "--data", "digits", .. arguments]);

        static string Scale(double scale) => FormattableString.Invariant($"model.initialization_scale={scale}");
    }

    [Fact]
    public void Comparison_Commands_GiveTheNumbers()
    {
        TourStop answer = new(2, Page);
        JsonObject five = Run("compare", "--seeds", "5"), thirty = Run("compare"), standardized = Run("compare", "--set", "data.standardize=true");

        answer.Says($"With 5 seeds batch normalization is ahead of none by {Difference(five, 0, "test_loss", "no difference")}, with 30 by {Difference(thirty, 0, "test_loss", "batchnorm")}:");
        answer.Says($"In test accuracy 5 seeds suffice: {Difference(five, 0, "test_accuracy", "batchnorm", 100, 1)} points.");
        answer.Says($"leave {Difference(standardized, 0, "test_loss", "batchnorm")} of the {Math.Abs((double)thirty["pairs"]![0]!["test_loss"]!["mean"]!):f3} in test loss.");
        answer.Says($"none is then ahead, by {Difference(standardized, 0, "train_loss", "none")}.");
        answer.Says($"are not told apart, {Difference(standardized, 1, "test_loss", "no difference")}.");
        answer.HasNoOtherNumbers();
    }

    [Fact]
    public void DeepNetwork_Commands_GiveTheNumbers()
    {
        TourStop answer = new(3, Page);
        double[] rates = [0.003, 0.05, 0.01];
        JsonObject[] runs = [.. rates.Select(r => Run("train", "--mode", "batchnorm", "--data", "digits", "--set", Deep, "--report", "deep.html", "--learning-rate", Invariant(r)))];

        answer.Says($"At {rates[0]}: the median of the first layer's ratio is {Ratio(runs[0]):f2}e-3, against {Ratio(runs[1]):f1}e-3 at {rates[1]} and {Ratio(runs[2]):f1}e-3 at {rates[2]}.");
        answer.Says($"after 30 epochs the test accuracy is {Accuracy(runs[0]):f1} %, against {Accuracy(runs[1]):f1} % at {rates[1]} and {Accuracy(runs[2]):f1} % at {rates[2]}.");
        Assert.All(runs, r => Assert.Equal(30, (int)r["config"]!["training"]!["epochs"]!));
        answer.HasNoOtherNumbers();

        static double Accuracy(JsonObject run) => 100 * (double)run["test_accuracy"]!;

        static double Ratio(JsonObject run)
        {
            double[] ratios = [.. run["probes"]!["layers"]!.AsArray().Single(l => (string)l!["layer"]! == "linear1")!["parameters"]![0]!["update_ratio"]!.AsArray().Select(r => (double)r!)];
            return 1e3 * ratios.Order().ElementAt(ratios.Length / 2);
        }
    }

    [Fact]
    public void SmallBatches_Command_GivesTheNumbers()
    {
        TourStop answer = new(4, Page);
        JsonNode probes = Run("train", "--mode", "batchnorm", "--batch-size", "4", "--report", "small.html")["probes"]!;
        double[] training = Losses("training_loss"), evaluation = Losses("evaluation_loss");

        answer.Says($"so x̂ is 0. The gradient dx would be 0 too");
        answer.Says($"With batches of 4 the");
        answer.Says($"it is {training[^1]:f3} in training mode and {evaluation[^1]:f3} in evaluation mode, and the mean distance over all is {training.Zip(evaluation, (t, e) => Math.Abs(t - e)).Average():f2}.");
        answer.HasNoOtherNumbers();

        double[] Losses(string name) => [.. probes[name]!.AsArray().Select(l => (double)l!)];
    }

    [Fact]
    public void Bias_Networks_GiveTheNumbers()
    {
        TourStop answer = new(5, Page);
        string ofBatch = Row(features => new BatchNorm1D(features), bias: true), ofBatchFrozen = Row(features => new BatchNorm1D(features), bias: true, frozen: true);

        answer.Says($"`RandomSource(1)` to `RandomSource(10)`, five epochs at a rate of {0.05}, as in");
        answer.Says($"| batch normalization | with | learned | {ofBatch} |");
        answer.Says($"| batch normalization | without | learned | {Row(features => new BatchNorm1D(features), bias: false)} |");
        answer.Says($"| batch normalization | with or without | frozen | {ofBatchFrozen} |");
        Assert.Equal(ofBatchFrozen, Row(features => new BatchNorm1D(features), bias: false, frozen: true));
        answer.Says($"| layer normalization | with | learned | {Row(features => new LayerNorm1D(features), bias: true)} |");
        answer.Says($"| layer normalization | without | learned | {Row(features => new LayerNorm1D(features), bias: false)} |");
        answer.Says($"| layer normalization | with | frozen | {Row(features => new LayerNorm1D(features), bias: true, frozen: true)} |");
        answer.Says($"one that is there stays within {1e8 * LargestBias():f1}e-8 of 0.");
        answer.Says($"γ = 1 and β = 0 cost more");
        JsonNode table = Run("experiment", "invariances")["table"]!;
        int column = table["columns"]!.AsArray().Select(c => (string)c!).ToList().IndexOf("layernorm");
        answer.Says($"by {(double)table["rows"]!.AsArray().Single(r => (string)r!["name"]! == "data + one row")!["values"]![column]!:f2} of its largest value");
        answer.HasNoOtherNumbers();

        static string Row(Func<int, NormalizationLayer> create, bool bias, bool frozen = false)
        {
            Evaluation[] tests = [.. Enumerable.Range(1, 10).Select(s => Train(create, bias, frozen, s).Result.Test)];
            return FormattableString.Invariant($"{tests.Average(t => t.Loss):f3} | {100 * tests.Average(t => t.Accuracy):f1} %");
        }

        static float LargestBias() => Enumerable.Range(1, 10).Max(s => Train(f => new BatchNorm1D(f), true, false, s).First.Bias!.Value.ToArray().Max(Math.Abs));

        static (TrainingResult Result, Linear First) Train(Func<int, NormalizationLayer> create, bool bias, bool frozen, int seed)
        {
            RandomSource random = new((ulong)seed);
            Linear first = new(64, 32, random, withBias: bias, name: "linear1");
            NormalizationLayer normalization = create(32);
            normalization.FreezeParameters = frozen;
            Sequential network = new(first, normalization, new ReLU(), new Linear(32, 10, random, name: "linear2"));
            TrainingOptions options = new() { Epochs = 5 };
            return (new Trainer(network, new SgdOptimizer(network.Parameters, learningRate: 0.05), options).Fit(Digits.Load().Split(testCount: 500, seed: 1)), first);
        }
    }

    [Fact]
    public void LearningRates_Commands_GiveTheNumbers()
    {
        TourStop answer = new(6, Page);

        answer.Says($"five seeds, at depth 1:");
        foreach ((int batch, int epochs) in ((int, int)[])[(16, 15), (32, 30), (64, 60)])
        {
            JsonNode[] cells = [.. Run("sweep", "--learning-rate", "0.01:10:log7", "--batch-size", $"{batch}", "--epochs", $"{epochs}")["cells"]!.AsArray().Select(c => c!)];
            answer.Says($"| {batch} | {Largest("none"):g1} | {Largest("batchnorm"):g1} | {Largest("layernorm"):g1} |");

            double Largest(string mode) =>
                cells.Where(c => (string)c["values"]!["mode"]! == mode).TakeWhile(c => (int)c["trains"]! == 5).Select(c => (double)c["values"]!["learning_rate"]!).Last();
        }

        answer.HasNoOtherNumbers();
    }

    [Fact]
    public void InitialWeights_Commands_GiveTheNumbers()
    {
        TourStop answer = new(7, Page);
        JsonObject tie = Run("compare", "--data", "digits", "--seeds", "10", "--modes", "none,batchnorm", "--set", Deep);
        JsonNode[] cells = [.. Run("sweep", "--mode", "none,batchnorm", "--data", "digits", "--depth", "8", "--learning-rate", "0.01:1:log5")["cells"]!.AsArray().Select(c => c!)];
        JsonNode plain = Best("none"), normalized = Best("batchnorm"), narrow = cells.Single(c => (string)c["values"]!["mode"]! == "batchnorm" && (double)c["values"]!["learning_rate"]! == 0.1);

        answer.Says($"at the rate of {(double)tie["config"]!["training"]!["learning_rate"]!} batch normalization is better by {Difference(tie, 0, "test_loss", "batchnorm")} in test loss, over 10 seeds.");
        answer.Says($"{(double)plain["values"]!["learning_rate"]!} for none and {(double)normalized["values"]!["learning_rate"]!} for batch normalization, over {(int)plain["test_loss"]!["count"]!} seeds.");
        answer.Says($"The test losses are {Loss(plain)} and {Loss(normalized)}:");
        answer.Says($"At a rate of 0.1 batch normalization is at {Loss(narrow)}, with the narrower interval.");
        Assert.True((double)narrow["test_loss"]!["half_width"]! < (double)normalized["test_loss"]!["half_width"]!);
        answer.HasNoOtherNumbers();

        JsonNode Best(string mode) => cells.Where(c => (string)c["values"]!["mode"]! == mode && (int)c["trains"]! == 5).MinBy(c => (double)c["test_loss"]!["mean"]!)!;

        static string Loss(JsonNode cell) => FormattableString.Invariant($"{(double)cell["test_loss"]!["mean"]!:f3} ± {(double)cell["test_loss"]!["half_width"]!:f3}");
    }

    [Fact]
    public void Sigmoids_Command_GivesTheNumbers()
    {
        TourStop answer = new(8, Page);
        double[] rates = [0.1, 0.5, 2.5], deviations = [0.01, 0.1, 1];
        JsonObject result = Run(["experiment", "ioffe-mnist", "--data", "digits"], exitCode: 0);
        JsonNode table = result["table"]!;
        int column = table["columns"]!.AsArray().Select(c => (string)c!).ToList().IndexOf("at the end");
        int below = (from rate in rates from deviation in deviations where At(rate, deviation) < 90 select rate).Count();

        Assert.Equal(5, below);
        answer.Says($"After 2000 steps five of the nine cells of \"none\" are below 90 %:");
        answer.Says($"| deviation | rate {rates[0]} | rate {rates[1]} | rate {rates[2]} |");
        foreach (double deviation in deviations.Where(d => rates.Any(r => At(r, d) < 90)))
        {
            string cells = string.Join(" | ", rates.Select(r => At(r, deviation) < 90 ? FormattableString.Invariant($"{At(r, deviation):f1} %") : "above"));
            answer.Says($"| {deviation} | {cells} |");
        }

        answer.HasNoOtherNumbers();

        double At(double rate, double deviation) =>
            100 * (double)table["rows"]!.AsArray().Single(r => (string)r!["name"]! == FormattableString.Invariant($"none, rate {rate}, deviation {deviation}"))!["values"]![column]!;
    }

    private static JsonObject Run(params string[] arguments) => Run(arguments, 0);

    private static JsonObject Run(string[] arguments, int exitCode)
    {
        using Tool tool = new();
        return tool.RunOnce([.. arguments, "--json"]).Expect(exitCode).Json;
    }

    private static string Invariant(double value) => FormattableString.Invariant($"{value}");

    // The difference of a pair, in the measure's unit times the factor.
    private static string Difference(JsonObject comparison, int pair, string measure, string better, double factor = 1, int digits = 3)
    {
        JsonNode difference = comparison["pairs"]![pair]![measure]!;
        Assert.Equal(better, (string)difference["better"]!);
        string format = $"f{digits}";
        return string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"{(factor * Math.Abs((double)difference["mean"]!)).ToString(format, null)} ± {(factor * (double)difference["half_width"]!).ToString(format, null)}");
    }
}
