using NormLayers.Cli.Bench;

namespace NormLayers.Benchmarks.Peers;

/// <summary>A library that is measured, or a yardstick.</summary>
internal interface IPeer
{
    /// <summary>What runs, with its version.</summary>
    string Version { get; }

    /// <summary>Whether it can do a normalization, and in a reasonable time.</summary>
    bool Takes(NormCase timed);

    /// <summary>Whether it can do a training step.</summary>
    bool Takes(StepCase timed) => false;

    /// <summary>Whether it can do a product.</summary>
    bool Takes(ProductCase timed) => false;

    /// <summary>Makes ready what <see cref="IPeerWork.Run"/> then repeats.</summary>
    IPeerWork Prepare(NormCase timed, NormData data);

    IPeerStep Prepare(StepCase timed, StepData data) => throw new NotSupportedException();

    /// <summary>Makes a product ready; its y is the only output.</summary>
    IPeerWork Prepare(ProductCase timed, ProductData data) => throw new NotSupportedException();
}

/// <summary>One normalization that is ready to run.</summary>
internal interface IPeerWork : IDisposable
{
    void Run();

    /// <summary>What the last run gave; null for a yardstick, which computes nothing.</summary>
    NormOutputs? Outputs { get; }
}

/// <summary>A training that is ready to go on by a step.</summary>
internal interface IPeerStep : IDisposable
{
    void Run();

    /// <summary>The loss of the last step, before its update.</summary>
    double Loss { get; }
}

/// <summary>What a normalization gives; the gradients are empty without a backward pass.</summary>
internal sealed record NormOutputs(float[] Y, float[] Dx, float[] DGamma, float[] DBeta);
