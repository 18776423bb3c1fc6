using NormLayers.Data;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Checks;
using NormLayers.Training;

namespace NormLayers.Tests.SameBits;

/// <summary>
/// The bits of fixed computations, pinned. Run under other vector widths (DOTNET_EnableAVX512=0, DOTNET_EnableAVX2=0,
/// DOTNET_EnableHWIntrinsic=0) the same constants show that the width changes no bit. A change of a kernel that reorders its sums
/// changes them on purpose: pin the new ones together with it, after the suite has passed under every width.
/// </summary>
public sealed class SameBitsTests
{
    [Theory]
    [InlineData(nameof(Family.LayerNorm), "BFDAB880E617F187")]
    [InlineData(nameof(Family.BatchNorm), "C93B90F3EC185B62")]
    public void Kernel_FixedProblems_GivePinnedBits(string family, string pinned)
    {
        KernelSubject subject = new(Family.Named(family));
        using BitHash hash = new();
        foreach ((int n, int c) in ((int, int)[])[(2, 1), (5, 3), (9, 7), (4, 16), (33, 31), (7, 130), (3, 1500), (1500, 3)])
        {
            foreach (double offset in (double[])[0.5, 1e6])
            {
                foreach (bool training in (bool[])[true, false])
                {
                    hash.Add(subject.Run(Problem.Random(n, c, offset: offset) with { Training = training }));
                    if (subject.Family.HasRunningStatistics)
                    {
                        hash.Add(subject.Run(Problem.Random(n, c, length: 5, offset) with { Training = training }));
                    }
                }
            }
        }

        Assert.Equal(pinned, hash.Text());
    }

    [Theory]
    [InlineData("none", "19967C0B2ED4E021")]
    [InlineData("batchnorm", "27FE2133335C09FE")]
    [InlineData("layernorm", "7A4DB7D4AA77796C")]
    public void Training_FixedSeedAndData_GivesPinnedBits(string mode, string pinned)
    {
        NormalizationKind normalization = NormalizationKind.Find(mode)!;
        Sequential network = Mlp.Create(new MlpOptions { InputFeatures = 7, HiddenFeatures = [33, 18], Classes = 3, Normalization = normalization, Seed = 5 });
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
