using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.SameBits;

namespace NormLayers.Lab.Tests.Training;

/// <summary>The bits of fixed trainings, pinned; the same at every vector width.</summary>
public sealed class SameBitsTests
{
    [Theory]
    [InlineData("none", "19967C0B2ED4E021")]
    [InlineData("batchnorm", "27FE2133335C09FE")]
    [InlineData("layernorm", "7A4DB7D4AA77796C")]
    [InlineData("rmsnorm", "9EF1E1057D032767")]
    [InlineData("scalenorm", "331B97DE51E5BF1D")]
    [InlineData("dyt", "DA733771275D9CEA")]
    [InlineData("weightnorm", "03C6034F0333CDF1")]
    [InlineData("groupnorm", "46A3072B596BB9E2")]
    [InlineData("ghostbatchnorm", "BC89A9508FBD24B9")]
    [InlineData("batchrenorm", "E22515FA609B6382")]
    [InlineData("localresponsenorm", "C68B16BDEF0FB7E3")]
    [InlineData("weightstandardization", "BB0AB44CCA424F90")]
    [InlineData("dynamiclayernorm", "99AB7296D9E9F0A2")]
    public void Fit_FixedSeedAndData_GivesPinnedBits(string mode, string pinned)
    {
        NormalizationKind normalization = NormalizationKind.Find(mode)!;
        Sequential network = Mlp.Create(new MlpOptions
        {
            InputFeatures = 7,
            HiddenFeatures = [33, 18],
            Classes = 3,
            Normalization = normalization,
            NormalizationOptions = new() { Limits = new(3, 5) { WarmUpSteps = 3 } },
            Seed = 5,
        });
        DataSplit data = new(Clusters("train", 150, seed: 11), Clusters("test", 40, seed: 12));
        SgdOptimizer optimizer = new(network.Parameters, learningRate: 0.05, momentum: 0.9, weightDecay: 1e-4);
        TrainingResult result = new Trainer(network, optimizer, new TrainingOptions { Epochs = 4, BatchSize = 32, Seed = 9 }).Fit(data, TestContext.Current.CancellationToken);

        Assert.Equal(TrainingStatus.Completed, result.Status);
        Assert.True(result.History[^1].Train.Loss < result.History[0].Train.Loss, "Nothing was learnt, so the bits say little.");
        using BitHash hash = new();
        foreach (NamedParameter parameter in network.NamedParameters)
        {
            hash.Add(parameter.Parameter.Value);
        }

        foreach (EpochMetrics epoch in result.History)
        {
            hash.Add([epoch.Train.Loss, epoch.Train.Accuracy, epoch.Test.Loss, epoch.Test.Accuracy]);
        }

        Assert.Equal(pinned, hash.Text());
    }

    private static Dataset Clusters(string name, int count, ulong seed)
    {
        RandomSource random = new(seed);
        float[] features = new float[count * 7];
        int[] labels = new int[count];
        for (int n = 0; n < count; n++)
        {
            labels[n] = n % 3;
            for (int f = 0; f < 7; f++)
            {
                features[n * 7 + f] = (float)(random.NextNormal() + ((f + labels[n]) % 3 == 0 ? 1.5 : 0));
            }
        }

        return new Dataset(name, features, labels, featureCount: 7, classCount: 3);
    }
}
