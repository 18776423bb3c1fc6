using NormLayers.Cli.Bench;
using NormLayers.Network;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace NormLayers.Benchmarks.Peers;

/// <summary>libtorch through TorchSharp, by its quickest way: only the requested gradients are computed, every tensor is released at once.</summary>
internal sealed class TorchPeer : IPeer
{
    private const double Momentum = TorchFamily.Momentum;

    public TorchPeer(int threads)
    {
        set_num_threads(threads);
        set_num_interop_threads(1);
    }

    public string Version => $"libtorch {__version__} through TorchSharp {typeof(torch).Assembly.GetName().Version}";

    public bool Takes(NormCase timed) => true;

    public bool Takes(StepCase timed) => true;

    public bool Takes(ProductCase timed) => true;

    public IPeerWork Prepare(NormCase timed, NormData data) => new Work(timed, data);

    public IPeerStep Prepare(StepCase timed, StepData data) => new Step(timed, data);

    public IPeerWork Prepare(ProductCase timed, ProductData data) => new Product(timed, data);

    internal static long[] Lengths(Shape shape) => [.. Enumerable.Range(0, shape.Rank).Select(axis => (long)shape[axis])];

    private sealed class Product(ProductCase timed, ProductData data) : IPeerWork
    {
        private readonly Tensor _x = tensor(data.X, [timed.Rows, timed.Inputs]);
        private readonly Tensor _w = tensor(data.W, [timed.Outputs, timed.Inputs]);
        private readonly Tensor _bias = tensor(data.Bias);

        public NormOutputs Outputs
        {
            get
            {
                using Tensor y = F.linear(_x, _w, _bias);
                return new NormOutputs([.. y.data<float>()], [], [], []);
            }
        }

        public void Run()
        {
            using (inference_mode())
            {
                F.linear(_x, _w, _bias).Dispose();
            }
        }

        public void Dispose()
        {
            _x.Dispose();
            _w.Dispose();
            _bias.Dispose();
        }
    }

    private sealed class Work : IPeerWork
    {
        private readonly NormCase _case;
        private readonly Tensor _x;
        private readonly Tensor _dy;
        private readonly Tensor[] _parameters;
        private readonly Tensor _mean;
        private readonly Tensor _variance;
        private readonly Tensor[] _inputs;

        public Work(NormCase timed, NormData data)
        {
            _case = timed;
            _x = tensor(data.X, Lengths(timed.Shape), requires_grad: timed.HasBackward);
            _dy = timed.HasBackward ? tensor(data.Dy, Lengths(timed.Shape)) : empty(0);
            _parameters = [.. TorchFamily.Parameters(timed, data).Select(p => tensor(p.Values, p.Lengths, requires_grad: timed.HasBackward))];
            _mean = tensor(data.RunningMean);
            _variance = tensor(data.RunningVariance);
            _inputs = [_x, .. _parameters];
        }

        public NormOutputs Outputs
        {
            get
            {
                using Tensor y = Forward();
                if (!_case.HasBackward)
                {
                    return new NormOutputs(Copy(y), [], [], []);
                }

                IList<Tensor> gradients = autograd.grad([y], _inputs, [_dy]);
                return new NormOutputs(Copy(y), Copy(gradients[0]), gradients.Count > 1 ? Copy(gradients[1]) : [], gradients.Count > 2 ? Copy(gradients[2]) : []);
            }
        }

        public void Run()
        {
            if (!_case.HasBackward)
            {
                using (inference_mode())
                {
                    Forward().Dispose();
                }

                return;
            }

            using Tensor y = Forward();
            foreach (Tensor gradient in autograd.grad([y], _inputs, [_dy]))
            {
                gradient.Dispose();
            }
        }

        public void Dispose()
        {
            _x.Dispose();
            _dy.Dispose();
            foreach (Tensor parameter in _parameters)
            {
                parameter.Dispose();
            }

            _mean.Dispose();
            _variance.Dispose();
        }

        private Tensor Forward() => TorchFamily.Forward(_case, _x, _parameters, _mean, _variance);

        private static float[] Copy(Tensor values) => [.. values.detach().contiguous().data<float>()];
    }

    private sealed class Step : IPeerStep
    {
        private readonly List<Tensor> _parameters = [];
        private readonly List<(string Kind, int First)> _layers = [];
        private readonly Dictionary<int, (Tensor Mean, Tensor Variance)> _running = [];
        private readonly Tensor[] _x = new Tensor[StepData.Batches];
        private readonly Tensor[] _labels = new Tensor[StepData.Batches];
        private long _step;

        public Step(StepCase timed, StepData data)
        {
            foreach (Layer layer in timed.CreateNetwork().Layers)
            {
                _layers.Add((layer.GetType().Name, _parameters.Count));
                if (layer is BatchNorm1D norm)
                {
                    _running[_parameters.Count] = (zeros(norm.Features), ones(norm.Features));
                }

                _parameters.AddRange(layer.Parameters.Select(p => tensor(p.Value, Lengths(p.Shape), requires_grad: true)));
            }

            for (int i = 0; i < StepData.Batches; i++)
            {
                _x[i] = tensor(data.BatchX(i).ToArray(), [timed.BatchSize, timed.Features]);
                _labels[i] = tensor(Array.ConvertAll(data.BatchLabels(i).ToArray(), label => (long)label));
            }
        }

        public double Loss { get; private set; }

        public void Run()
        {
            using DisposeScope scope = NewDisposeScope();
            int batch = (int)(_step++ % StepData.Batches);
            Tensor loss = F.cross_entropy(Forward(_x[batch]), _labels[batch]);
            IList<Tensor> gradients = autograd.grad([loss], _parameters);
            using (no_grad())
            {
                for (int i = 0; i < _parameters.Count; i++)
                {
                    _parameters[i].add_(gradients[i], -StepCase.LearningRate);
                }
            }

            Loss = loss.item<float>();
        }

        public void Dispose()
        {
            foreach (Tensor tensor in (Tensor[])[.. _parameters, .. _x, .. _labels, .. _running.Values.SelectMany(r => (Tensor[])[r.Mean, r.Variance])])
            {
                tensor.Dispose();
            }
        }

        private Tensor Forward(Tensor x)
        {
            foreach ((string kind, int first) in _layers)
            {
                x = kind switch
                {
                    nameof(Linear) => F.linear(x, _parameters[first], _parameters[first + 1]),
                    nameof(BatchNorm1D) => F.batch_norm(
                        x, _running[first].Mean, _running[first].Variance, _parameters[first], _parameters[first + 1], true, Momentum, NormCase.Epsilon),
                    nameof(LayerNorm1D) => F.layer_norm(x, [x.shape[1]], _parameters[first], _parameters[first + 1], NormCase.Epsilon),
                    _ => F.relu(x),
                };
            }

            return x;
        }
    }
}
