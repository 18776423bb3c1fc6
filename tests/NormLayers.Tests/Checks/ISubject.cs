namespace NormLayers.Tests.Checks;

/// <summary>A normalization as the checks see it: a kernel, a layer, or a faulty stand-in. It may keep state between runs.</summary>
internal interface ISubject
{
    Family Family { get; }

    /// <summary>Makes the forward and the backward pass; leaves the problem's arrays alone.</summary>
    Outcome Run(Problem problem);
}
