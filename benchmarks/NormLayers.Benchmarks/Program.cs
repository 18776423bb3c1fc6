using System.CommandLine;
using System.Globalization;
using NormLayers.Benchmarks;
using NormLayers.Benchmarks.Ladder;
using NormLayers.Benchmarks.Loops;
using NormLayers.Cli.Commands;
using ResultFile = NormLayers.Benchmarks.ResultFile;

Option<bool> quick = new("--quick") { Description = "A few shapes in short rounds: about a minute, to see that all works." };
Option<bool> sizes = new("--sizes") { Description = "Squares from 1 MB to 1 GB instead: ours and the memory streams only." };
Option<bool> models = new("--models") { Description = "More shapes of real models instead." };
Option<bool> rms = new("--rms") { Description = "RMS normalization of one and of many rows instead." };
Option<bool> family = new("--family") { Description = "Every other layer, on shapes of real models, instead." };
Option<bool> products = new("--products") { Description = "Matrix products with some rows instead: ours, libtorch and ONNX Runtime." };
Option<int[]> threads = new("--threads") { Description = "The numbers of threads (1 and 2).", HelpName = "n", AllowMultipleArgumentsPerToken = true };
Option<string[]> peers = new("--peers") { Description = "Which peers (all): " + string.Join(", ", PeerProcess.Names) + ".", HelpName = "name", AllowMultipleArgumentsPerToken = true };
Option<string> filter = new("--filter") { Description = "Only cases whose name contains this text, as in 'layernorm 512x768'.", HelpName = "text" };
Option<bool> narrow = new("--avx2") { Description = "Vectors of 256 bits, in ours, libtorch and the yardstick." };
Option<int> rounds = new("--rounds") { Description = "How many rounds (5; 3 with --quick).", HelpName = "n" };
Option<string> output = new("--output", "-o") { Description = "The file of raw results (a new one in benchmarks/results).", HelpName = "file" };
rounds.Validators.Add(r =>
{
    if (r.GetValueOrDefault<int>() < 1)
    {
        r.AddError("--rounds must be 1 or more.");
    }
});
Command run = new("run", "Measure all peers side by side and write the raw results.") { quick, sizes, models, rms, family, products, threads, peers, filter, narrow, rounds, output };
run.SetAction(parsed =>
{
    if (Environment.GetEnvironmentVariable("NORMLAYERS_BENCH_SCRIPT") is null)
    {
        Console.Error.WriteLine("Start it as benchmarks/run.sh run: the script provides what the peers need.");
        return ExitCode.Usage;
    }

    SuiteKind suite = parsed.GetValue(sizes) ? SuiteKind.Sizes
        : parsed.GetValue(models) ? SuiteKind.Models
        : parsed.GetValue(rms) ? SuiteKind.Rms
        : parsed.GetValue(family) ? SuiteKind.Family
        : parsed.GetValue(products) ? SuiteKind.Products
        : parsed.GetValue(quick) ? SuiteKind.Quick
        : SuiteKind.Full;
    IReadOnlyList<string> names = parsed.GetValue(peers) is { Length: > 0 } chosen ? chosen
        : suite == SuiteKind.Sizes ? ["normlayers", "stream"]
        : suite == SuiteKind.Products ? ["normlayers", "libtorch", "onnxruntime"]
        : PeerProcess.Names;
    IReadOnlyList<int> counts = parsed.GetValue(threads) is { Length: > 0 } given ? given : [1, 2];
    ResultFile result = new Driver(suite, counts, names, parsed.GetValue(filter) ?? string.Empty, parsed.GetValue(narrow), parsed.GetValue(rounds)).Run();
    string path = parsed.GetValue(output) ?? Path.Combine(Repository.Results, string.Create(
        CultureInfo.InvariantCulture, $"{result.Date:yyyy-MM-dd-HHmm}-{result.Settings.Suite}{(result.IsNarrow ? "-avx2" : string.Empty)}.json"));
    result.Save(path);
    Console.Out.WriteLine(path);
    return result.Problems.Count == 0 ? ExitCode.Success : ExitCode.Mismatch;
});

Argument<string[]> files = new("files") { Description = "Raw results: of the full suite, --quick, --avx2, --sizes, --models, --rms, --family or --products.", Arity = ArgumentArity.OneOrMore };
Command tables = new("tables", "Write the tables of docs/performance*.md from raw results.") { files };
tables.SetAction(parsed => Tables.Update(Repository.PerformancePages, [.. parsed.GetValue(files)!.Select(ResultFile.Load)]));

Argument<string> name = new("name");
Argument<int> count = new("threads");
Command peer = new("peer", "Serve as a peer; started by 'run'.") { name, count };
peer.Hidden = true;
peer.SetAction(parsed => new PeerServer(PeerServer.Create(parsed.GetValue(name)!, parsed.GetValue(count))).Run());

Command ladder = new("ladder", "Time the steps on the way to layer normalization's forward pass.");
ladder.SetAction(_ => LadderRun.Print(Console.Out));

Command fusions = new("fusions", "Time what is fused with normalization beside its parts.");
fusions.SetAction(_ => FusionRun.Print(Console.Out));

Command errors = new("products-error", "Error of matrix products, ours, libtorch's and ONNX Runtime's, beside the exact results.");
errors.SetAction(_ => ProductErrors.Print(Console.Out));

Command special = new("special", "Time one set that floats do not hold, tensors of one channel, and the ReLU in the same pass.");
special.SetAction(_ => SpecialRun.Print(Console.Out));

Option<bool> hashes = new("--hashes") { Description = "Only a hash of each way's results; started by 'loops'.", Hidden = true };
Option<string> only = new("--only") { Description = "errors (and bits), or times." };
only.AcceptOnlyFromAmong("errors", "times");
Command loops = new("loops", "Error, bits and time of the loops that programs write for themselves, beside ours.") { hashes, only };
loops.SetAction(parsed =>
{
    if (parsed.GetValue(hashes))
    {
        LoopRun.PrintHashes(Console.Out);
        return;
    }

    if (parsed.GetValue(only) != "times")
    {
        LoopRun.PrintErrors(Console.Out);
    }

    if (parsed.GetValue(only) != "errors")
    {
        LoopRun.PrintTimes(Console.Out);
    }
});

return new RootCommand("Measures NormLayers beside other libraries.") { run, tables, ladder, fusions, special, errors, loops, peer }.Parse(args).Invoke();
