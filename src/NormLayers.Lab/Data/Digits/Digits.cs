using System.IO.Compression;

namespace NormLayers.Lab.Data;

/// <summary>Handwritten digits of 8x8 pixels, part of the library: real data without a download.</summary>
/// <remarks>
/// The test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, UCI Machine Learning Repository,
/// 1998, doi:10.24432/C50P49), CC BY 4.0.
/// </remarks>
public static class Digits
{
    private const string Resource = "digits.csv.gz";
    private const float LargestPixel = 16;

    /// <summary>Loads the digits.</summary>
    /// <returns>1797 images of shape (1797, 64), each pixel from 0 to 1 in steps of 1/16, with classes 0 to 9.</returns>
    public static Dataset Load()
    {
        using Stream packed = typeof(Digits).Assembly.GetManifestResourceStream(Resource)!;
        using GZipStream unpacked = new(packed, CompressionMode.Decompress);
        using StreamReader reader = new(unpacked);
        Dataset raw = CsvData.Read(reader, Resource, new CsvOptions { Header = false });
        float[] pixels = Array.ConvertAll(raw.Features, pixel => pixel / LargestPixel);
        return new Dataset("digits", pixels, raw.Labels, raw.FeatureCount, raw.ClassCount);
    }
}
