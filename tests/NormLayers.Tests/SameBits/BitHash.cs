using System.Security.Cryptography;

namespace NormLayers.Tests.SameBits;

/// <summary>The bits of results in a few letters, to be pinned.</summary>
internal sealed class BitHash : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public void Add(IEnumerable<float> values) => Add(values.Select(value => (double)value).ToArray());

    public void AddRaw(ReadOnlySpan<float> values)
    {
        Assert.False(System.Numerics.Tensors.TensorPrimitives.IsNaNAny(values));
        _hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values));
    }

    public void Add(double[] values)
    {
        Assert.DoesNotContain(double.NaN, values);
        foreach (double value in values)
        {
            _hash.AppendData(BitConverter.GetBytes(value));
        }
    }

    public string Text() => Convert.ToHexString(_hash.GetHashAndReset().AsSpan(0, 8));

    public void Dispose() => _hash.Dispose();
}
