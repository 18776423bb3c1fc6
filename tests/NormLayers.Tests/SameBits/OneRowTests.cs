using System.Reflection;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.SameBits;

/// <summary>The workers take part in no other test at the same time.</summary>
[CollectionDefinition(nameof(WorkersAlone), DisableParallelization = true)]
public sealed class WorkersAlone;

/// <summary>One row is the calling thread's, however long it is: a hand-off to a worker costs more than the row.</summary>
[Collection(nameof(WorkersAlone))]
public sealed class OneRowTests : IDisposable
{
    private readonly int _limit = Threads.Limit;

    public OneRowTests() => Threads.Limit = 3;

    // The number of calls in which workers may have taken part.
    private static int HandOffs
    {
        get
        {
            object ticket = typeof(Workers).GetProperty("Latest", BindingFlags.NonPublic | BindingFlags.Static)!.GetValue(null)!;
            return (int)ticket.GetType().GetProperty("Number")!.GetValue(ticket)!;
        }
    }

    public void Dispose() => Threads.Limit = _limit;

    [Theory]
    [InlineData(1, 4096, false)]
    [InlineData(1, 8192, false)]
    [InlineData(1, 1 << 20, false)]
    [InlineData(2, 1 << 20, true)]
    public void Functions_OneRow_HandNothingToWorkers(int rows, int features, bool handsOff)
    {
        float[] x = Samples.Normal(rows * features);
        float[] gamma = Samples.Normal(features, seed: 2);
        float[] y = new float[x.Length];
        foreach (Action pass in (Action[])
        [
            () => Functional.RmsNorm(x, features, gamma, 1e-5, y),
            () => Functional.LayerNorm(x, features, gamma, gamma, 1e-5, y),
            () => Functional.AddRmsNorm(x, x, features, gamma, 1e-5, new float[x.Length], y),
        ])
        {
            int before = HandOffs;
            pass();
            Assert.Equal(handsOff, HandOffs != before);
        }
    }
}
