using NormLayers.Tests.Checks;

namespace NormLayers.Tests.SameBits;

internal static class OutcomeBits
{
    /// <summary>Adds all results of a pass but mean and rstd: they are intermediate results, and a kernel may keep them in another form.</summary>
    public static void Add(this BitHash hash, Outcome outcome)
    {
        foreach ((string name, double[]? values) in outcome.All)
        {
            if (values is not null && name is not ("mean" or "rstd"))
            {
                hash.Add(values);
            }
        }
    }
}
