#:project ../src/NormLayers/NormLayers.csproj
// Layer normalization and batch normalization of the same four rows, forward and backward.
using NormLayers;

float[] x = [1, 2, 6, 10, 20, 60, -1, 0, 4, 5, 5, 5]; // (4, 3): rows of different offset and scale, the last one constant
float[] dy = [1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3];
float[] y = new float[x.Length];
float[] dx = new float[x.Length];

foreach (Layer layer in (Layer[])[new LayerNorm1D(features: 3), new BatchNorm1D(features: 3)])
{
    layer.Forward(x, (4, 3), y);
    layer.Backward(x, dy, dx);
    Console.WriteLine(layer.Name);
    Print("  y     ", y);
    Print("  dx    ", dx);
    foreach (Parameter parameter in layer.Parameters)
    {
        Print($"  d{parameter.Name,-6}", parameter.Gradient);
    }
}

static void Print(string name, float[] values) => Console.WriteLine(name + string.Join(' ', values.Select(v => $"{v,8:f4}")));
