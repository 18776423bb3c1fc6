#:project ../src/NormLayers.Lab/NormLayers.Lab.csproj
// Compares normalizations seed by seed, runs a paper's claim, and writes both reports: HTML files with charts that open offline.
using NormLayers.Lab.Charts;
using NormLayers.Lab.Data;
using NormLayers.Lab.Experiments;
using NormLayers.Lab.Trials;
using NormLayers.Network;

string folder = args.Length > 0 ? args[0] : Directory.CreateTempSubdirectory("normlayers-").FullName;
CompareResult comparison = Comparison.Run(
    new TrialOptions { Epochs = 3, LearningRate = 0.1 },
    modes: [NormalizationKind.None, NormalizationKind.BatchNorm, NormalizationKind.LayerNorm],
    seeds: [1, 2, 3, 4, 5],
    SeedData.Of(Digits.Load(), testCount: 397));
foreach (PairResult pair in comparison.Pairs)
{
    Console.WriteLine($"{pair.First} and {pair.Second}, test loss: {pair.TestLoss.Describe(pair.First, pair.Second)}");
}

ExperimentResult claim = ExperimentCatalog.Find("invariances")!.Run(new ExperimentContext());
Console.WriteLine($"{claim.Name} ({claim.Paper}): {claim.Verdict}");
File.WriteAllBytes(Path.Combine(folder, "comparison.html"), HtmlReport.ToUtf8(CompareReport.From(comparison)));
File.WriteAllBytes(Path.Combine(folder, "claim.html"), HtmlReport.ToUtf8(ExperimentReport.From(claim)));
Console.WriteLine($"reports in {folder}");
