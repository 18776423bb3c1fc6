using System.Text.Json.Nodes;
using NormLayers.Cli.Tests.Support;

namespace NormLayers.Cli.Tests;

/// <summary>Every number of <c>docs/lab.md</c> is one that the stop's own commands print.</summary>
[Trait("Duration", "long")]
public sealed class TourTests
{
    private const string Deep = "--data digits --set 'model.hidden_dims=[32,32,32,32,32,32,32,32]'";

    [Fact]
    public void FirstLoss_Commands_GiveTheNumbers()
    {
        TourStop stop = new(1);
        const string Command = "train --mode none --data digits --epochs 1 --probe 1";
        double guess = FirstLoss(stop.Run(Command));
        double large = FirstLoss(stop.Run(Command, "--set model.initialization_scale=4"));
        using Tool tool = new();
        double normalized = FirstLoss(tool.RunOnce(
            "train", "--mode", "batchnorm", "--data", "digits", "--epochs", "1", "--probe", "1", "--set", "model.initialization_scale=4", "--json").Expect(0).Json);

        stop.Says($"the chart *Training and evaluation mode*: {guess:f3}.");
        stop.Says($"here ln 10 = {Math.Log(10):f3}");
        stop.Says($"it begins at {large:f3}, three times");
        Assert.Equal(3, large / Math.Log(10), 0.5);
        stop.Says($"the large weights begin at {normalized:f3} in training mode");
        stop.Says($"nearest to ln 10?");
        stop.HasNoOtherNumbers();

        static double FirstLoss(JsonObject run) => (double)run["probes"]!["training_loss"]![0]!;
    }

    [Fact]
    public void Comparison_Commands_GiveTheNumbers()
    {
        TourStop stop = new(2);
        JsonObject digits = stop.Run("compare --data digits --epochs 10");
        using Tool tool = new();
        JsonObject standard = tool.RunOnce("compare", "--json").Expect(0).Json;
        JsonObject five = tool.RunOnce("compare", "--seeds", "5", "--json").Expect(0).Json;

        stop.Says($"batch normalization better than none by {Difference(digits, 0, "batchnorm")}, layer normalization better than none by {Difference(digits, 1, "layernorm")}");
        stop.Says($"between the two only {Difference(digits, 2, "batchnorm")}.");
        stop.Says($"still better than none, by {Difference(standard, 0, "batchnorm")}");
        stop.Says($"is not told apart from none, {Difference(standard, 1, "no difference")}.");
        Assert.All(five["pairs"]!.AsArray(), p => Assert.Equal("no difference", (string)p!["test_loss"]!["better"]!));
        Assert.Equal(["batchnorm", "no difference", "no difference"], five["pairs"]!.AsArray().Select(p => (string)p!["test_accuracy"]!["better"]!));
        stop.Says($"the other {standard["seeds"]!.AsArray().Count - five["seeds"]!.AsArray().Count} seeds");
        stop.Says($"all {standard["seeds"]!.AsArray().Count} seeds");
        stop.HasNoOtherNumbers();

        static string Difference(JsonObject comparison, int pair, string better)
        {
            JsonNode loss = comparison["pairs"]![pair]!["test_loss"]!;
            Assert.Equal(better, (string)loss["better"]!);
            return FormattableString.Invariant($"{Math.Abs((double)loss["mean"]!):f3} ± {(double)loss["half_width"]!:f3}");
        }
    }

    [Fact]
    public void DeepNetwork_Commands_GiveTheNumbers()
    {
        TourStop stop = new(3);
        JsonObject normalized = stop.Run($"train --mode batchnorm {Deep}");
        using Tool tool = new();
        JsonObject plain = tool.RunOnce(
            ["train", "--mode", "none", .. Deep.Replace("'", "", StringComparison.Ordinal).Split(' '), "--report", "r.html", "--json"]).Expect(0).Json;
        JsonObject growth = stop.Run("experiment init-gradients");
        JsonObject rank = stop.Run("experiment init-rank");
        double first = First(normalized, 1, "gradient_rms"), second = First(normalized, 2, "gradient_rms"), seventh = First(normalized, 7, "gradient_rms");
        double measured = Cell(growth, "batchnorm, batch 32", "measured");

        stop.Says($"they are level, {First(plain, 1, "gradient_rms"):f4} at the first linear layer and {First(plain, 7, "gradient_rms"):f4} at the seventh");
        stop.Says($"with batch normalization {first:f3} and {seventh:f4}, {first / seventh:f1} times");
        Assert.All(Enumerable.Range(1, 9), layer => Assert.True(Ratios(normalized, layer).Average(r => r > 1e-3 ? 1 : 0) > 0.5));
        Assert.All(Enumerable.Range(1, 9), layer => Assert.True(Ratios(plain, layer).Average(r => r > 1e-3 ? 1 : 0) > 0.5));
        stop.Says($"the rule of thumb is 1e-3");
        stop.Says($"a median of {1e3 * Median(Ratios(normalized, 1)):f1}e-3 with batch normalization and {1e3 * Median(Ratios(plain, 1)):f1}e-3 without");
        stop.Says($"the rate of {(double)normalized["config"]!["training"]!["learning_rate"]!}");
        stop.Says($"scales the rest to 1");
        stop.Says($"{measured:f3} per layer for the squared gradient with a batch of 32, where {Cell(growth, "batchnorm, batch 32", "expected"):f3} is expected.");
        stop.Says($"that is {Math.Pow(measured, 2.5):f1} times, and {second / seventh:f1} are measured.");
        stop.Says($"another reason, {first / second:f1} times");
        stop.Says($"a deviation of {First(normalized, 1, "deviation"):f2}, the second's with {First(normalized, 2, "deviation"):f2}");
        Assert.Equal(Cell(rank, "none", "cosine"), Cell(rank, "layernorm", "cosine"), 0.005);
        stop.Says($"After 24 layers two samples have a mean cosine of {Cell(rank, "batchnorm", "cosine"):f2} with it, {Cell(rank, "none", "cosine"):f2} without");
        stop.HasNoOtherNumbers();

        static JsonNode Layer(JsonObject run, int number) => run["probes"]!["layers"]!.AsArray().Single(l => (string)l!["layer"]! == $"linear{number}")!;

        static double First(JsonObject run, int layer, string what) => (double)Layer(run, layer)[what]![0]!;

        static double[] Ratios(JsonObject run, int layer) => [.. Layer(run, layer)["parameters"]![0]!["update_ratio"]!.AsArray().Select(r => (double)r!)];

        static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
    }

    [Fact]
    public void SmallBatches_Command_GivesTheNumbers()
    {
        TourStop stop = new(4);
        JsonObject result = stop.Run("experiment batch-size", "--data digits", exitCode: 3);

        stop.Says($"batches of 2, batch normalization is right on {At(2, "batchnorm"):f1} % of the test digits, layer normalization on {At(2, "layernorm"):f1} % and none on {At(2, "none"):f1} %.");
        stop.Says($"With 4 it has caught up in accuracy, and its training loss is still {At(4, "loss, batchnorm") / At(4, "loss, layernorm"):f0} times");
        Assert.Equal(At(4, "none"), At(4, "batchnorm"), 0.5);
        double[] large = [At(128, "none"), At(128, "batchnorm"), At(128, "layernorm")];
        Assert.True(large.Max() - large.Min() <= 1.5);
        stop.Says($"At 128 all three are within 1.5 points.");
        Assert.Equal("not reproduced here", (string)result["verdict"]!);
        stop.Says($"(and the exit code 3): at most {100 * (double)result["assertions"]!.AsArray().Single(a => !(bool)a!["passed"]!)!["high"]!:f0} %");
        stop.Says($"x̂ is ±1 whatever");
        stop.Says($"the same weights reach {At(2, "recalibrated"):f1} %");
        stop.HasNoOtherNumbers();

        double At(int batch, string column) => 100 * Cell(result, $"batch {batch}", column);
    }

    [Fact]
    public void Invariances_Command_GivesTheNumbers()
    {
        TourStop stop = new(5);
        JsonObject result = stop.Run("experiment invariances");

        stop.Says($"near 1e-7, which");
        stop.Says($"({1e7 * Cell(result, "data + one row", "batchnorm"):f1}e-7; layer normalization does, {Cell(result, "data + one row", "layernorm"):f2})");
        Assert.True(Cell(result, "one weight vector x 3", "batchnorm") < 1e-6 && Cell(result, "weight matrix x 3", "batchnorm") < 1e-6);
        Assert.True(Cell(result, "weight matrix x 3", "layernorm") < 1e-6 && Cell(result, "gradient of 3W, times 3", "layernorm") < 1e-6);
        stop.Says($"one unit's weights times 3;");
        stop.Says($"one sample times 3 ({1e7 * Cell(result, "one sample x 3", "layernorm"):f1}e-7; batch normalization does, {Cell(result, "one sample x 3", "batchnorm"):f2})");
        stop.Says($"weight matrix times 3,");
        stop.Says($"and that is 0.");
        stop.HasNoOtherNumbers();
    }

    [Fact]
    public void LearningRates_Command_GivesTheNumbers()
    {
        TourStop stop = new(6);
        JsonObject result = stop.Run("sweep --depth 1,8 --learning-rate 0.01:10:log7");

        Assert.Equal(Largest("none", 1, 5), Largest("none", 8, 5));
        Assert.Equal(Largest("batchnorm", 1, 5), Largest("batchnorm", 8, 5));
        Assert.Equal(Largest("layernorm", 1, 3), Largest("layernorm", 8, 3));
        Assert.Equal(0, Largest("layernorm", 8, 5));
        Assert.Equal(100, Largest("batchnorm", 1, 5) / Largest("none", 1, 5), 1e-9);
        stop.Says($"None: {Largest("none", 1, 5):g1} at either depth. Batch normalization: {Largest("batchnorm", 1, 5):g1}, a hundred");
        stop.Says($"Layer normalization: {Largest("layernorm", 1, 5):g1} at depth 1; at depth 8 no rate trains all five, and most seeds train up to {Largest("layernorm", 1, 3):g1}");
        JsonNode[] diverged = [.. Cells("none", 8).Where(c => (int)c["diverges"]! > 0)];
        stop.Says($"diverge from {diverged.Min(Rate):g1} on");
        Assert.All(Cells("none", 1), c => Assert.Equal(0, (int)c["diverges"]!));
        int latest = diverged.Max(c => c["trials"]!.AsArray().Min(t => (int)t!["diverged_at_step"]!));
        stop.Says($"the earliest at step {latest} or before");
        stop.Says($"get gradients 1/a as large");
        stop.Says($"then 32 and 30, then 64 and 60:");
        stop.HasNoOtherNumbers();

        IEnumerable<JsonNode> Cells(string mode, int depth) =>
            result["cells"]!.AsArray().Select(c => c!).Where(c => (string)c["values"]!["mode"]! == mode && (int)c["values"]!["depth"]! == depth);

        static double Rate(JsonNode cell) => (double)cell["values"]!["learning_rate"]!;

        // The last rate up to which at least so many seeds train; 0 if the first does not.
        double Largest(string mode, int depth, int seeds) => Cells(mode, depth).TakeWhile(c => (int)c["trains"]! >= seeds).Select(Rate).DefaultIfEmpty().Max();
    }

    [Fact]
    public void InitialWeights_Command_GivesTheNumbers()
    {
        TourStop stop = new(7);
        JsonObject result = stop.Run("sweep --mode none,batchnorm --data digits --depth 8 --init-scale 0.03:30:log7");
        double[] plain = Trained("none"), normalized = Trained("batchnorm");

        Assert.Equal((1, 6), (plain.Length, normalized.Length));
        stop.Says($"one of seven, {plain[0]:f2}, next to the factor 1 of He's rule");
        stop.Says($"six of seven, from {normalized.Min()} to {normalized.Max():f1}.");
        stop.HasNoOtherNumbers();

        double[] Trained(string mode) =>
            [.. result["cells"]!.AsArray().Where(c => (string)c!["values"]!["mode"]! == mode && (int)c["trains"]! == 5).Select(c => (double)c!["values"]!["initialization_scale"]!)];
    }

    [Fact]
    public void Sigmoids_Command_GivesTheNumbers()
    {
        TourStop stop = new(8);
        JsonObject result = stop.Run("experiment ioffe-mnist", "--data digits");
        string[] names = [.. result["table"]!["rows"]!.AsArray().Select(r => (string)r!["name"]!)];
        double spread = (double)result["assertions"]!.AsArray().Single(a => ((string)a!["what"]!).StartsWith("spread", StringComparison.Ordinal))!["measured"]!;

        stop.Says($"a rate of 0.1 and weights of deviation 0.1, the sigmoids without normalization still guess after 500 steps ({At("none, rate 0.1, deviation 0.1", "at step 500"):f1} %), and batch normalization is at {At("batchnorm, rate 0.1, deviation 0.1", "at step 500"):f1} %.");
        stop.Says($"a rate of 2.5 and deviation 1 the two end level, at {At("none, rate 2.5, deviation 1", "at the end"):f1} % and {At("batchnorm, rate 2.5, deviation 1", "at the end"):f1} %");
        double best = names.Max(n => At(n, "at the end"));
        Assert.Equal(best, names.Where(n => n.StartsWith("batchnorm", StringComparison.Ordinal)).Max(n => At(n, "at the end")));
        stop.Says($"batch normalization's, {best:f1} %.");
        stop.Says($"largest, ¼, at 0 and vanishes");
        stop.Says($"which start at 0 and 1 ");
        stop.Says($"wander {spread:f1} times less");
        stop.Says($"do not come to 90 %?");
        stop.Says($"for 50 000 steps");
        stop.HasNoOtherNumbers();

        double At(string row, string column) => 100 * Cell(result, row, column);
    }

    private static double Cell(JsonObject experiment, string row, string column)
    {
        JsonNode table = experiment["table"]!;
        int index = table["columns"]!.AsArray().Select(c => (string)c!).ToList().IndexOf(column);
        return (double)table["rows"]!.AsArray().Single(r => (string)r!["name"]! == row)!["values"]![index]!;
    }
}
