using NormLayers.Cli.Bench;
using NormLayers.Network;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace NormLayers.Benchmarks.Peers;

/// <summary>Every layer as libtorch has it: one function where there is one, else the composition, operation by operation.</summary>
internal static class TorchFamily
{
    public const double Momentum = 0.1;

    /// <summary>The values and shapes of what has gradients beside x, in the order of our layer's parameters.</summary>
    public static IEnumerable<(float[] Values, long[] Lengths)> Parameters(NormCase timed, NormData data) => timed.CreateLayer(data) is AdaptiveLayerNorm layer
        ? [(FamilyKinds.Condition(layer.Features, 1), [layer.Features]), (FamilyKinds.Condition(layer.Features, 2), [layer.Features])]
        : timed.CreateLayer(data).Parameters.Select(p => (p.Value, TorchPeer.Lengths(p.Shape)));

    public static Tensor Forward(NormCase timed, Tensor x, Tensor[] parameters, Tensor runningMean, Tensor runningVariance)
    {
        const double Epsilon = NormCase.Epsilon;
        Tensor Parameter(int i) => parameters[i];
        switch (timed.LayerName)
        {
            case "layernorm":
                return F.layer_norm(x, [timed.Features], Parameter(0), Parameter(1), Epsilon);
            case "batchnorm":
                return F.batch_norm(x, runningMean, runningVariance, Parameter(0), Parameter(1), timed.Pass != NormPass.Evaluation, Momentum, Epsilon);
            case "groupnorm":
                return F.group_norm(x, NormalizationOptions.GroupsOf(timed.Features), Parameter(0), Parameter(1), Epsilon);
            case "instancenorm":
                return F.instance_norm(x, null, null, Parameter(0), Parameter(1), use_input_stats: true, Momentum, Epsilon);
            case "localresponsenorm":
                NormalizationOptions options = timed.Settings.Options;
                return F.local_response_norm(x, options.WindowSize, options.ResponseScale, 0.75, 1);
        }

        using DisposeScope scope = NewDisposeScope();
        return (timed.LayerName switch
        {
            "rmsnorm" => x.mul(x.square().mean([-1L], keepdim: true).add(Epsilon).rsqrt()).mul(Parameter(0)),
            "scalenorm" => F.normalize(x, 2, -1, Epsilon).mul(Parameter(0)),
            "dyt" => x.mul(Parameter(2)).tanh().mul(Parameter(0)).add(Parameter(1)),
            "adaptivelayernorm" => F.layer_norm(x, [timed.Features], null, null, Epsilon).mul(Parameter(0).add(1)).add(Parameter(1)),
            "weightnorm" => F.linear(x, Parameter(1).mul(Parameter(0).div(Parameter(1).norm(1, keepdim: true))), Parameter(2)),
            "weightstandardization" => F.linear(x, F.layer_norm(Parameter(0), [timed.Features], null, null, Epsilon), Parameter(1)),
            "ghostbatchnorm" => cat(
                [.. x.split(timed.Settings.Options.ChunkSize, 0).Select(c => F.batch_norm(c, runningMean, runningVariance, Parameter(0), Parameter(1), true, Momentum, Epsilon))], 0),
            "batchrenorm" => BatchRenorm(timed, x, parameters, runningMean, runningVariance),
            _ => throw new NotSupportedException(timed.LayerName),
        }).MoveToOuterDisposeScope();
    }

    // Over all axes but the channels'; the corrections r and d are constants of the backward pass. The running statistics stay as they are.
    private static Tensor BatchRenorm(NormCase timed, Tensor x, Tensor[] parameters, Tensor runningMean, Tensor runningVariance)
    {
        long[] axes = timed.Shape.Rank == 2 ? [0] : [0, 2];
        long[] channels = timed.Shape.Rank == 2 ? [timed.Features] : [timed.Features, 1];
        Tensor mean = x.mean(axes, keepdim: true);
        Tensor deviation = x.var(axes, unbiased: false, keepdim: true).add(NormCase.Epsilon).sqrt();
        Tensor runningDeviation = runningVariance.reshape(channels); // What our layer keeps in its place, and is given here.
        Tensor r = deviation.detach().div(runningDeviation).clamp(1 / RenormLimits.Paper.RMax, RenormLimits.Paper.RMax);
        Tensor d = mean.detach().sub(runningMean.reshape(channels)).div(runningDeviation).clamp(-RenormLimits.Paper.DMax, RenormLimits.Paper.DMax);
        return x.sub(mean).div(deviation).mul(r).add(d).mul(parameters[0].reshape(channels)).add(parameters[1].reshape(channels));
    }
}
