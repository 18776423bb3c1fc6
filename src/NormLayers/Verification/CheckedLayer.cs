namespace NormLayers.Verification;

/// <summary>A float layer seen as a function of doubles, each pass from the same state: what is checked, and what is differenced where there is no reference.</summary>
internal sealed class CheckedLayer : ReferenceLayer
{
    private readonly Layer _layer;
    private readonly NamedState[] _state;
    private readonly (float[] Floats, long[] Counters)[] _before;
    private float[] _x = [];
    private float[] _dx = [];
    private Shape _shape;

    public CheckedLayer(Layer layer)
    {
        _layer = layer;
        _state = [.. layer.NamedState];
        _before = Array.ConvertAll(_state, s => ((float[])(s.Floats ?? []).Clone(), (long[])(s.Counters ?? []).Clone()));
        Parameters = [.. layer.Parameters.Select(ReferenceParameter.From)];
        string[] names = layer is Network.Sequential network ? [.. network.NamedParameters.Select(p => p.Name)] : [.. Parameters.Select(p => p.Name)];
        Parameters = [.. Parameters.Zip(names, (p, name) => p with { Name = name })];
    }

    /// <summary>Copies of the layer's parameters: passes use these values, and backward passes add to these gradients.</summary>
    public override IReadOnlyList<ReferenceParameter> Parameters { get; }

    /// <summary>What the next backward pass finds in dx's memory.</summary>
    public double[]? Prefill { get; set; }

    /// <summary>Puts the layer's state back to what it was before the first pass.</summary>
    public void Restore()
    {
        for (int i = 0; i < _state.Length; i++)
        {
            _before[i].Floats.CopyTo(_state[i].Floats ?? [], 0);
            _before[i].Counters.CopyTo(_state[i].Counters ?? [], 0);
        }
    }

    public override double[] Forward(double[] x, Shape shape)
    {
        Restore();
        for (int p = 0; p < Parameters.Count; p++)
        {
            for (int i = 0; i < Parameters[p].Value.Length; i++)
            {
                _layer.Parameters[p].Value[i] = (float)Parameters[p].Value[i];
            }
        }

        (_x, _shape) = (Array.ConvertAll(x, v => (float)v), shape);
        float[] y = new float[_layer.OutputShape(shape).Length];
        _layer.Forward(_x, shape, y);
        return Array.ConvertAll(y, v => (double)v);
    }

    public override double[] Backward(double[] dy)
    {
        for (int p = 0; p < Parameters.Count; p++)
        {
            for (int i = 0; i < Parameters[p].Gradient.Length; i++)
            {
                _layer.Parameters[p].Gradient[i] = (float)Parameters[p].Gradient[i];
            }
        }

        _dx = new float[_shape.Length];
        for (int i = 0; i < _dx.Length; i++)
        {
            _dx[i] = Prefill is null ? 0 : (float)Prefill[i];
        }

        _layer.Backward(_x, Array.ConvertAll(dy, v => (float)v), _dx);
        for (int p = 0; p < Parameters.Count; p++)
        {
            for (int i = 0; i < Parameters[p].Gradient.Length; i++)
            {
                Parameters[p].Gradient[i] = _layer.Parameters[p].Gradient[i];
            }
        }

        return Array.ConvertAll(_dx, v => (double)v);
    }
}
