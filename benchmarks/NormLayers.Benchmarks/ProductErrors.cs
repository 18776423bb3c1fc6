using System.Globalization;
using System.Text.Json.Nodes;

namespace NormLayers.Benchmarks;

/// <summary>The error of matrix products beside the exact results, on random normal data, ours and other libraries': no timing.</summary>
internal static class ProductErrors
{
    private const int Rows = 64;
    private const int Columns = 384;
    private const double HalfUlp = 1.0 / (1 << 24);

    /// <summary>Prints the table as Markdown.</summary>
    public static void Print(TextWriter output)
    {
        List<string> lines = [];
        foreach (string name in (string[])["normlayers", "libtorch", "onnxruntime"])
        {
            using PeerProcess peer = PeerProcess.Start(name, threads: 1, narrow: false);
            output.WriteLine($"- `{name}`: {peer.Version}");
            foreach (int inner in (int[])[384, 1536, 4096])
            {
                JsonNode answer = peer.Ask(new JsonObject { ["do"] = "errors", ["case"] = new ProductCase(inner, Columns, Rows).ToString() });
                string Number(string key) => ((double)answer[key]!).ToString("G3", CultureInfo.InvariantCulture);
                lines.Add($"| {inner} | {name} | {Number("rms")} | {Number("worst")} | {Number("rmsUlps")} | {Number("worstUlps")} |");
            }
        }

        output.WriteLine();
        output.WriteLine("| k | library | rms, in ε·Σ\\|aᵢbᵢ\\| | worst | rms, in ulp of the result | worst |");
        output.WriteLine("|---|---|---|---|---|---|");
        lines.ForEach(output.WriteLine);
    }

    /// <summary>The rms and the largest error: as multiples of ε·Σ|aᵢbᵢ|, ε being 2⁻²⁴, which is how bounds of products are stated, and in ulp of the exact result.</summary>
    public static JsonObject Of(ProductCase timed, ProductData data, float[] y)
    {
        (double squares, double worst, double squaresInUlps, double worstInUlps) = (0, 0, 0, 0);
        for (int i = 0; i < y.Length; i++)
        {
            (double exact, double magnitude) = Exact(
                data.X.AsSpan(i / timed.Outputs * timed.Inputs, timed.Inputs), data.W.AsSpan(i % timed.Outputs * timed.Inputs, timed.Inputs), data.Bias[i % timed.Outputs]);
            double error = Math.Abs(y[i] - exact);
            double share = error / (HalfUlp * magnitude);
            float rounded = Math.Abs((float)exact);
            double ulps = error / ((double)MathF.BitIncrement(rounded) - rounded);
            (squares, worst) = (squares + share * share, Math.Max(worst, share));
            (squaresInUlps, worstInUlps) = (squaresInUlps + ulps * ulps, Math.Max(worstInUlps, ulps));
        }

        return new JsonObject
        {
            ["rms"] = Math.Sqrt(squares / y.Length),
            ["worst"] = worst,
            ["rmsUlps"] = Math.Sqrt(squaresInUlps / y.Length),
            ["worstUlps"] = worstInUlps,
        };
    }

    // A product of floats is exact in double. What a sum of two doubles loses is added at the end (Neumaier 1974).
    private static (double Sum, double Magnitude) Exact(ReadOnlySpan<float> a, ReadOnlySpan<float> b, float bias)
    {
        (double sum, double lost, double magnitude) = (bias, 0, Math.Abs(bias));
        for (int k = 0; k < a.Length; k++)
        {
            double product = (double)a[k] * b[k];
            double next = sum + product;
            lost += Math.Abs(sum) >= Math.Abs(product) ? sum - next + product : product - next + sum;
            (sum, magnitude) = (next, magnitude + Math.Abs(product));
        }

        return (sum + lost, magnitude);
    }
}
