#:project ../src/NormLayers.Lab/NormLayers.Lab.csproj
// A classifier for handwritten digits, trained with and without normalization.
using NormLayers.Lab.Data;
using NormLayers.Network;
using NormLayers.Lab.Training;

DataSplit digits = Digits.Load().Split(testCount: 500, seed: 1);
foreach (NormalizationKind normalization in NormalizationKind.All.Where(k => !k.NeedsPositions))
{
    Sequential network = Mlp.Create(new MlpOptions { InputFeatures = 64, HiddenFeatures = [32], Classes = 10, Normalization = normalization });
    SgdOptimizer optimizer = new(network.Parameters, learningRate: 0.05);
    TrainingResult result = new Trainer(network, optimizer, new TrainingOptions { Epochs = 5 }).Fit(digits);
    Console.WriteLine($"{normalization,-21}  train loss {result.Train.Loss:f3}  test accuracy {result.Test.Accuracy:p1}");
}
