using NormLayers.Exchange;
using NormLayers.Numerics;
using NormLayers.Tests.Support;

namespace NormLayers.Tests.Exchange;

/// <summary>Normalizations of ONNX files: operators, and the sequences that exporters write in their place.</summary>
public sealed class OnnxNormalizationTests
{
    public static TheoryData<string> Written => [.. s_written.Keys];

    // ε is a float in the file: 1/8 is one.
    private static readonly Dictionary<string, (Layer Layer, Shape Sample)> s_written = new()
    {
        ["layer norm"] = (new LayerNorm1D(6, epsilon: 0.125), 6),
        ["layer norm of two dimensions"] = (new LayerNorm((2, 3), epsilon: 0.125), (4, 2, 3)),
        ["batch norm"] = (new BatchNorm(3, epsilon: 0.125), (3, 5)),
        ["RMS norm"] = (new RmsNorm(6, epsilon: 0.125), 6),
        ["group norm"] = (new GroupNorm(2, 4, epsilon: 0.125), (4, 5)),
        ["instance norm"] = (new InstanceNorm(3, epsilon: 0.125, withGamma: true, withBeta: true), (3, 5)),
    };

    [Theory]
    [MemberData(nameof(Written))]
    public void CreateLayer_WhatWasWritten_HasTheSameBits(string name)
    {
        (Layer layer, Shape sample) = s_written[name];
        RandomSource random = new(7);
        foreach (NamedState state in layer.NamedState.Where(s => s.Floats is not null))
        {
            for (int i = 0; i < state.Floats!.Length; i++)
            {
                state.Floats[i] = (float)(0.5 + random.NextDouble(0, 2));
            }
        }

        layer.Training = false;
        using MemoryStream stream = new();
        layer.WriteOnnx(stream, sample);
        stream.Position = 0;
        OnnxNormalization found = Assert.Single(OnnxModel.Read(stream).Normalizations);
        Assert.False(found.IsDecomposed);
        Assert.Equal(["x"], found.Inputs);
        Shape shape = new([2, .. Enumerable.Range(0, sample.Rank).Select(a => sample[a])]);
        foreach (Layer read in (Layer[])[found.CreateLayer(), found.CreateLayer(shape)])
        {
            Assert.IsAssignableFrom(read.GetType(), layer);
            float[] x = Samples.Normal(shape.Length, 2, 3, seed: 1);
            Compare.SameBits(Samples.Forward(layer, x, shape), Samples.Forward(read, x, shape), name);
            Assert.Equal(layer.NamedState.Where(s => s.Floats is not null).SelectMany(s => s.Floats!), read.NamedState.Where(s => s.Floats is not null).SelectMany(s => s.Floats!));
            Assert.False(read.Training);
        }
    }

    [Theory]
    [InlineData("p = Pow(d, two)", "y = Div(d, s)")]
    [InlineData("p = Mul(d, d)", "y = Div(d, s)")]
    [InlineData("d2 = Sub(x, m)|p = Pow(d2, two)", "y = Div(d, s)")]
    [InlineData("m2 = ReduceMean(x)|d2 = Sub(x, m2)|p = Pow(d2, two)", "y = Div(d, s)")]
    [InlineData("p = Pow(d, two_integer)", "r = Reciprocal(s)|y = Mul(d, r)")]
    [InlineData("p = Pow(d, two)", "r = Div(one, s)|y = Mul(r, d)")]
    [InlineData("d2 = Cast(d)|p = Pow(d2, two)", "h = Div(d2, s)|y = Cast(h)")]
    public void Find_LayerNormAsASequence_IsOne(string square, string quotient)
    {
        OnnxBytes file = Start("m = ReduceMean(x)|d = Sub(x, m)|" + square + "|v = ReduceMean(p)|a = Add(v, eps)|s = Sqrt(a)|" + quotient + "|z = Mul(y, w)|out = Add(z, b)");
        OnnxNormalization found = file.Single();
        Assert.Equal(("out", "LayerNormalization", true, "out"), (found.Name, found.Operator, found.IsDecomposed, found.Output));
        Assert.Equal(["x"], found.Inputs);
        LayerNorm layer = Assert.IsType<LayerNorm>(found.CreateLayer());
        Assert.Equal(1e-12f, layer.Epsilon);
        Assert.Equal([1, 2, 3], layer.Gamma!.Value);
        Assert.Equal([4, 5, 6], layer.Beta!.Value);
        Assert.NotSame(layer, found.CreateLayer());
    }

    [Theory]
    [InlineData("z = Mul(w, y)|out = Relu(z)", "z", true, false)]
    [InlineData("z = Mul(w, y)|out = Add(residual, z)", "z", true, false)]
    [InlineData("z = Mul(w, y)|out = Add(z, wide)", "z", true, false)]
    [InlineData("z = Mul(y, gate)|out = Add(z, b)", "y", false, false)]
    [InlineData("z = Mul(y, w)|u = Relu(y)", "y", false, false)]
    [InlineData("z = Mul(y, w)|out = Add(b, z)|u = Relu(z)", "z", true, false)]
    [InlineData("z = Mul(w, y)|out = Add(b, z)|u = Relu(out)", "out", true, true)]
    [InlineData("out = MatMul(y, w)", "y", false, false)]
    public void Find_WhatFollowsTheQuotient_IsTakenIfItIsGammaAndBeta(string rest, string output, bool gamma, bool beta)
    {
        OnnxNormalization found = Start("m = ReduceMean(x)|d = Sub(x, m)|p = Pow(d, two)|v = ReduceMean(p)|a = Add(v, eps)|s = Sqrt(a)|y = Div(d, s)|" + rest).Floats("wide", [2, 3], 1, 2, 3, 4, 5, 6).Single();
        Assert.Equal(output, found.Output);
        LayerNorm layer = Assert.IsType<LayerNorm>(found.CreateLayer((2, 3)));
        Assert.Equal((gamma, beta), (layer.Gamma is not null, layer.Beta is not null));
        if (!gamma)
        {
            Assert.Contains("it has no γ", Assert.Throws<ArgumentException>(() => found.CreateLayer()).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("p = Pow(x, two)", "y = Div(x, s)")]
    [InlineData("p = Mul(x, x)", "r = Reciprocal(s)|y = Mul(x, r)")]
    [InlineData("x32 = Cast(x)|p = Pow(x32, two)", "r = Div(one, s)|y = Mul(x32, r)")]
    public void Find_RmsNormAsASequence_IsOne(string square, string quotient)
    {
        OnnxNormalization found = Start(square + "|v = ReduceMean(p)|a = Add(eps, v)|s = Sqrt(a)|" + quotient + "|h = Cast(y)|out = Mul(w, h)|next = Add(out, b)").Single();
        Assert.Equal(("RMSNormalization", "out"), (found.Operator, found.Output));
        RmsNorm layer = Assert.IsType<RmsNorm>(found.CreateLayer());
        Assert.Equal([1, 2, 3], layer.Gamma!.Value);
        Assert.Equal(1e-12f, layer.Epsilon);
    }

    [Theory]
    [InlineData("s = Sqrt(x)|y = Div(x, s)")]
    [InlineData("p = Pow(x, three)|v = ReduceMean(p)|a = Add(v, eps)|s = Sqrt(a)|y = Div(x, s)")]
    [InlineData("p = Pow(x, two)|v = ReduceSum(p)|a = Add(v, eps)|s = Sqrt(a)|y = Div(x, s)")]
    [InlineData("p = Pow(x, two)|v = ReduceMean(p)|a = Add(v, other)|s = Sqrt(a)|y = Div(x, s)")]
    [InlineData("p = Pow(x, two)|v = ReduceMean(p)|a = Add(v, w)|s = Sqrt(a)|y = Div(x, s)")]
    [InlineData("p = Pow(x, two)|v = ReduceMean(p)|a = Add(v, eps)|s = Sqrt(a)|y = Div(z, s)")]
    [InlineData("p = Pow(x, two)|v = ReduceMean(p)|a = Add(v, eps)|s = Sqrt(a)|y = Div(s, x)")]
    [InlineData("p = Pow(x, two)|v = ReduceMean(p)|a = Add(v, eps)|s = custom:Sqrt(a)|y = Div(x, s)")]
    [InlineData("m = ReduceMean(x)|d = Sub(m, x)|p = Pow(d, two)|v = ReduceMean(p)|a = Add(v, eps)|s = Sqrt(a)|y = Div(x, s)")]
    [InlineData("m = ReduceMean(z)|d = Sub(x, m)|p = Pow(d, two)|v = ReduceMean(p)|a = Add(v, eps)|s = Sqrt(a)|y = Div(x, s)")]
    public void Find_OtherSequences_AreNone(string nodes) => Assert.Empty(Start(nodes).Read().Normalizations);

    [Fact]
    public void Find_MeanWithoutKeptDimensions_IsNone()
    {
        OnnxBytes file = new OnnxBytes().Floats("two", [], 2).Floats("eps", [], 1e-5f).Node("p = Pow(x, two)").Node("v = ReduceMean(p)", ("axes", (long[])[-1]), ("keepdims", 0));
        Assert.Empty(file.Node("a = Add(v, eps)").Node("s = Sqrt(a)").Node("y = Div(x, s)").Read().Normalizations);
    }

    [Theory]
    [InlineData("n = ReduceL2(x)|y = Div(x, n)", 0, 1, false)]
    [InlineData("n = ReduceL2(x)|c = Clip(n, half)|sh = Shape(x)|e = Expand(c, sh)|y = Div(x, e)", 0.5, 1, false)]
    [InlineData("n = ReduceL2(x)|c = Max(n, half)|y = Div(x, c)|z = Mul(y, four)|t = Mul(z, four)", 0.5, 4, false)]
    [InlineData("n = ReduceL2(x)|c = Max(half, n)|r = Reciprocal(c)|y = Mul(r, x)", 0.5, 1, false)]
    [InlineData("n = ReduceL2(x)|c = Clip(n, half, )|r = Div(four, c)|y = Mul(x, r)|z = Mul(y, four)", 0.5, 4, false)]
    [InlineData("n = ReduceL2(x)|c = Add(n, half)|y = Div(x, c)|z = Mul(four, y)", 0.5, 4, true)]
    [InlineData("p = Mul(x, x)|q = ReduceSum(p)|n = Sqrt(q)|y = Div(x, n)", 0, 1, false)]
    [InlineData("q = ReduceSumSquare(x)|n = Sqrt(q)|c = Max(n, half)|y = Div(x, c)|z = Mul(y, w)", 0.5, 1, false)]
    [InlineData("x32 = Cast(x)|n = ReduceL2(x32)|y = Div(x, n)", 0, 1, false)]
    [InlineData("n = ReduceL2(x)|c = Clip(n, half5)|e = Expand(c, shape)|y = Div(x, e)|z = Mul(y, four5)", 0.5, 4, false)]
    [InlineData("n = ReduceL2(x)|c = Max(n, half5)|r = Div(four5, c)|e = Expand(r, row)|y = Mul(x, e)", 0.5, 4, false)]
    [InlineData("n = ReduceL2(x)|c = Add(half5, n)|r = Reciprocal(c)|e = Expand(r, row)|y = Mul(x, e)|z = Mul(four5, y)", 0.5, 4, true)]
    public void Find_L2NormalizationAsASequence_IsOne(string nodes, float epsilon, float g, bool isAdded)
    {
        OnnxNormalization found = Start(nodes).Floats("half", [1], 0.5f).Floats("four", [], 4)
            .Floats("half5", [1, 1, 1, 1, 1], 0.5f).Floats("four5", [1, 1, 1, 1, 1], 4).Integers("shape", 3, 4).Integers("row", 1, 4).Single();
        Assert.Equal(("LpNormalization", true, (double)epsilon), (found.Operator, found.IsDecomposed, found.Epsilon));
        Layer layer = found.CreateLayer((3, 4));
        Assert.IsType(isAdded ? typeof(RmsNorm) : typeof(ScaleNorm), layer);
        float[] x = [3, 4, 0, 0, 0.125f, 0, 0, 0.25f, -1, 1, -1, 1];
        double[] expected = [.. x.Chunk(4).SelectMany(row =>
        {
            double length = Math.Sqrt(row.Sum(v => (double)v * v));
            return row.Select(v => g * v / (isAdded ? length + epsilon : Math.Max(length, epsilon)));
        })];
        Compare.Within(expected, Samples.Forward(layer, x, (3, 4)), 1e-6, nodes);
        Assert.Contains("it has no γ", Assert.Throws<ArgumentException>(() => found.CreateLayer()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CreateLayer_ScaleNormThatWasWritten_HasTheSameBits()
    {
        ScaleNorm layer = new(6, epsilon: 0.125);
        layer.G.Value[0] = 3;
        using MemoryStream stream = new();
        layer.WriteOnnx(stream, 6);
        stream.Position = 0;
        Layer read = Assert.Single(OnnxModel.Read(stream).Normalizations).CreateLayer((2, 6));
        Assert.Equal((0.125, 3), (Assert.IsType<ScaleNorm>(read).Epsilon, read.Parameters[0].Value[0]));
        float[] x = Samples.Normal(12, 2, 3, seed: 1);
        Compare.SameBits(Samples.Forward(layer, x, (2, 6)), Samples.Forward(read, x, (2, 6)), "ScaleNorm");
    }

    [Theory]
    [InlineData("n = ReduceL2(z)|y = Div(x, n)")]
    [InlineData("n = ReduceL1(x)|y = Div(x, n)")]
    [InlineData("n = ReduceL2(x)|y = Div(n, x)")]
    [InlineData("n = ReduceL2(x)|c = Clip(n, half, two)|y = Div(x, c)")]
    [InlineData("n = ReduceL2(x)|c = Min(n, half)|y = Div(x, c)")]
    [InlineData("n = ReduceL2(x)|c = Add(n, w)|y = Div(x, c)")]
    [InlineData("n = ReduceL2(x)|c = Max(n, half, two)|y = Div(x, c)")]
    [InlineData("n = ReduceL2(x)|r = Div(w, n)|y = Mul(x, r)")]
    [InlineData("p = Mul(x, z)|q = ReduceSum(p)|n = Sqrt(q)|y = Div(x, n)")]
    [InlineData("n = ReduceL2(x)|e = Expand(n, two)|y = Div(x, e)")]
    [InlineData("n = ReduceL2(x)|c = Expand(n, wide)|r = Reciprocal(c)|e = Expand(r, wide)|y = Mul(x, e)")]
    [InlineData("n = ReduceL2(x)|sh = Shape(z)|e = Expand(n, sh)|y = Div(x, e)")]
    [InlineData("n = ReduceL2(x)|r = Reciprocal(n)|sh = Shape(z)|e = Expand(r, sh)|y = Mul(x, e)")]
    public void Find_OtherLengths_AreNone(string nodes) => Assert.Empty(Start(nodes).Floats("half", [1], 0.5f).Integers("wide", 1, 1, 4).Read().Normalizations);

    [Theory]
    [InlineData("start", 0, 1)]
    [InlineData("start", 1, 0)]
    [InlineData("end", 1, 0)]
    public void Find_LengthThatIsExpandedToSomeDimensions_IsNone(string attribute, int value, int count)
    {
        OnnxBytes file = new OnnxBytes().Node("n = ReduceL2(x)", ("axes", (long[])[-1])).Node("s = Shape(x)", (attribute, value)).Node("e = Expand(n, s)").Node("y = Div(x, e)");
        Assert.Equal(count, file.Read().Normalizations.Count);
    }

    [Fact]
    public void CreateLayer_LengthsOfOtherAxes_SaysWhatCannotBe()
    {
        OnnxNormalization found = new OnnxBytes().Node("n = ReduceL2(x)", ("axes", (long[])[1])).Node("y = Div(x, n)").Single();
        Assert.Contains("over axes [1]", Assert.Throws<NotSupportedException>(() => found.CreateLayer((2, 3, 4))).Message, StringComparison.Ordinal);
        Assert.IsType<ScaleNorm>(found.CreateLayer((2, 3)));
    }

    // A shape that x does not have gives more rows than x has, or none.
    [Theory]
    [InlineData(true, 2, 3)]
    [InlineData(true, 1, 3)]
    [InlineData(true, 3)]
    [InlineData(true, 1, 1)]
    [InlineData(false, 5, 3)]
    [InlineData(false, 2, 4)]
    [InlineData(false, 1, 2, 3)]
    public void CreateLayer_LengthThatIsExpandedToAShape_NeedsThatShape(bool isTaken, params int[] shape)
    {
        OnnxNormalization found = Start("n = ReduceL2(x)|e = Expand(n, shape)|y = Div(x, e)").Integers("shape", [.. shape.Select(d => (long)d)]).Single();
        if (isTaken)
        {
            Compare.Within([0.6, 0, 0.8, 0, 1, 0], Samples.Forward(found.CreateLayer((2, 3)), [3, 0, 4, 0, 2, 0], (2, 3)), 1e-7, "x/‖x‖");
        }
        else
        {
            Assert.Contains($"it expands lengths to shape [{string.Join(", ", shape)}], and what it normalizes has (2, 3)", Assert.Throws<NotSupportedException>(() => found.CreateLayer((2, 3))).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("one")]
    [InlineData("one5")]
    public void CreateLayer_SequenceWithOneNumberAsGammaOrBeta_HasItForEachElement(string one)
    {
        const string Start5 = "m = ReduceMean(x)|d = Sub(x, m)|p = Pow(d, two5)|v = ReduceMean(p)|a = Add(v, eps5)|s = Sqrt(a)|y = Div(d, s)|";
        LayerNorm layer = (LayerNorm)Found($"z = Mul(y, {one})|out = Add(z, {one})").CreateLayer((2, 3));
        Assert.Equal(([1f, 1, 1], [1f, 1, 1]), (layer.Gamma!.Value, layer.Beta!.Value), (a, b) => a.Item1.SequenceEqual(b.Item1) && a.Item2.SequenceEqual(b.Item2));
        Assert.Equal(0.125, layer.Epsilon);
        layer = (LayerNorm)Found($"z = Mul(y, w)|out = Add(z, {one})").CreateLayer();
        Assert.Equal(([1f, 2, 3], [1f, 1, 1]), (layer.Gamma!.Value, layer.Beta!.Value), (a, b) => a.Item1.SequenceEqual(b.Item1) && a.Item2.SequenceEqual(b.Item2));
        layer = (LayerNorm)Found($"z = Mul(y, {one})|out = Add(b, z)").CreateLayer((2, 3));
        Assert.Equal(([1f, 1, 1], [4f, 5, 6]), (layer.Gamma!.Value, layer.Beta!.Value), (a, b) => a.Item1.SequenceEqual(b.Item1) && a.Item2.SequenceEqual(b.Item2));
        Assert.Contains("its γ is one number", Assert.Throws<ArgumentException>(() => Found($"z = Mul(y, {one})").CreateLayer()).Message, StringComparison.Ordinal);

        OnnxNormalization Found(string rest) => Start(Start5 + rest).Floats("one5", [1, 1, 1, 1, 1], 1).Floats("two5", [1, 1, 1, 1, 1], 2).Floats("eps5", [1, 1, 1, 1, 1], 0.125f).Single();
    }

    [Fact]
    public void CreateLayer_ScaleWithoutValues_TakesNoMemoryForThem()
    {
        OnnxNormalization found = new OnnxBytes().Add(OnnxBytes.Tensor("w", 1, 100_000_000)).Node("y = LayerNormalization(x, w)").Node("z = RMSNormalization(y, w)").Read().Normalizations[0];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("expected 100000000 values", Assert.Throws<InvalidDataException>(() => found.CreateLayer()).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Fact]
    public void CreateLayer_AxesOfASequence_AreTheLastOnes()
    {
        Assert.Equal((2, 3), Layer(opset: 13, [-2, -1], (5, 2, 3)).NormalizedShape);
        Assert.Equal((2, 3), Layer(opset: 18, [2, 1], (5, 2, 3)).NormalizedShape);
        Assert.Equal(3, Layer(opset: 18, [2], (5, 2, 3)).NormalizedShape);
        Assert.Contains("counts its axes from the front", Assert.Throws<ArgumentException>(() => Layer(13, [2], default)).Message, StringComparison.Ordinal);
        Assert.Contains("over axes [1]", Assert.Throws<NotSupportedException>(() => Layer(18, [1], (5, 2, 3))).Message, StringComparison.Ordinal);
        Assert.Contains("over axes [-1, -1]", Assert.Throws<NotSupportedException>(() => Layer(18, [-1, -1], (5, 2, 3))).Message, StringComparison.Ordinal);
        Assert.Contains("over axes []", Assert.Throws<NotSupportedException>(() => Layer(18, [], (5, 2, 3))).Message, StringComparison.Ordinal);

        static LayerNorm Layer(int opset, long[] axes, Shape input)
        {
            OnnxBytes file = new OnnxBytes(opset).Floats("two", [], 2).Floats("eps", [], 1e-5f).Integers("axes", axes);
            foreach (string node in (string[])["m = ReduceMean(x, axes)", "d = Sub(x, m)", "p = Pow(d, two)", "v = ReduceMean(p, axes)", "a = Add(v, eps)", "s = Sqrt(a)", "y = Div(d, s)"])
            {
                bool isMean = node.Contains("= Reduce", StringComparison.Ordinal);
                file.Node(opset < 18 ? node.Replace(", axes", "", StringComparison.Ordinal) : node, isMean && opset < 18 ? [("axes", axes)] : []);
            }

            return (LayerNorm)file.Single().CreateLayer(input);
        }
    }

    [Fact]
    public void CreateLayer_OperatorsOfRows_HaveAxisAndDefaults()
    {
        LayerNorm norm = (LayerNorm)Parameters().Node("y = LayerNormalization(x, w, b)").Single().CreateLayer();
        Assert.Equal((3, (double)1e-5f), (norm.NormalizedShape, norm.Epsilon));
        norm = (LayerNorm)Parameters().Node("y = LayerNormalization(x, w)", ("epsilon", 0.5f), ("axis", 2)).Single().CreateLayer((4, 5, 3));
        Assert.Equal((3, 0.5, null), (norm.NormalizedShape, norm.Epsilon, norm.Beta));
        norm = (LayerNorm)Parameters().Floats("w2", [1, 3, 2], 1, 2, 3, 4, 5, 6).Node("y = LayerNormalization(x, w2)", ("axis", -2)).Single().CreateLayer();
        Assert.Equal((3, 2), norm.NormalizedShape);
        Assert.Equal([1, 2, 3, 4, 5, 6], norm.Gamma!.Value);
        foreach (string node in (string[])["RMSNormalization(x, w)", "SimplifiedLayerNormalization(x, w)", "com.microsoft:SimplifiedLayerNormalization(x, w)"])
        {
            OnnxNormalization found = Parameters().Node("y = " + node).Single();
            Assert.Equal("RMSNormalization", found.Operator);
            RmsNorm rms = (RmsNorm)found.CreateLayer();
            Assert.Equal([1, 2, 3], rms.Gamma!.Value);
            Assert.Equal(1e-5f, rms.Epsilon);
        }

        OnnxNormalization skip = Parameters().Node("y   sum = com.microsoft:SkipLayerNormalization(x, r, w, b, c)").Single();
        Assert.Equal(["x", "r", "c"], skip.Inputs);
        norm = (LayerNorm)skip.CreateLayer();
        Assert.Equal(1e-12f, norm.Epsilon);
        Assert.Equal([4, 5, 6], norm.Beta!.Value);
        skip = Parameters().Node("y = com.microsoft:SkipSimplifiedLayerNormalization(x, r, w)", ("epsilon", 1e-6f)).Single();
        Assert.Equal(["x", "r"], skip.Inputs);
        Assert.Equal([1, 2, 3], ((RmsNorm)skip.CreateLayer()).Gamma!.Value);
        ScaleNorm scale = (ScaleNorm)Parameters().Node("y = LpNormalization(x)").Single().CreateLayer((2, 2));
        Compare.Within([0.6, 0.8, 1, 0], Samples.Forward(scale, [3, 4, 2, 0], (2, 2)), 1e-7, "x/‖x‖");
        Assert.Empty(Parameters().Node("y = LpNormalization(x)", ("p", 1)).Node("z = SkipLayerNormalization(x, r, w)").Node("u = custom:LayerNormalization(x, w)").Read().Normalizations);
    }

    [Fact]
    public void CreateLayer_OperatorsOfChannels_HaveStatisticsAndGroups()
    {
        BatchNorm batch = (BatchNorm)Parameters(9).Node("y = BatchNormalization(x, w, b, b, w)", ("momentum", 0.75f)).Single().CreateLayer((2, 3, 5, 5));
        Assert.Equal(([4f, 5, 6], [1f, 2, 3]), (batch.Running!.Mean, batch.Running.Variance), (a, b) => a.Item1.SequenceEqual(b.Mean) && a.Item2.SequenceEqual(b.Variance));
        Assert.Equal((0.25, false), (batch.Momentum.WeightOfBatch(1), batch.Training));
        Assert.True(Parameters(9).Node("y m v = BatchNormalization(x, w, b, b, w)").Single().CreateLayer().Training);
        Assert.True(Parameters(15).Node("y = BatchNormalization(x, w, b, b, w)", ("training_mode", 1)).Single().CreateLayer().Training);
        Assert.Empty(Parameters(7).Node("y = BatchNormalization(x, w, b, b, w)", ("spatial", 0)).Read().Normalizations);

        InstanceNorm instance = (InstanceNorm)Parameters().Node("y = InstanceNormalization(x, w, b)", ("epsilon", 1e-3f)).Single().CreateLayer((1, 3, 4));
        Assert.Equal([1, 2, 3], instance.Gamma!.Value);
        Assert.Equal([4, 5, 6], instance.Beta!.Value);
        Assert.Equal((1e-3f, null), (instance.Epsilon, instance.Running));

        GroupNorm group = (GroupNorm)Parameters(21).Node("y = GroupNormalization(x, w, b)", ("num_groups", 3)).Single().CreateLayer();
        Assert.Equal((3, 3), (group.Groups, group.Channels));
        OnnxNormalization perGroup = Parameters(18).Node("y = GroupNormalization(x, w, b)", ("num_groups", 3)).Single();
        group = (GroupNorm)perGroup.CreateLayer((2, 6, 4));
        Assert.Equal([1, 1, 2, 2, 3, 3], group.Gamma!.Value);
        Assert.Equal([4, 4, 5, 5, 6, 6], group.Beta!.Value);
        Assert.Contains("one number per group", Assert.Throws<ArgumentException>(() => perGroup.CreateLayer()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CreateLayer_ParametersThatDoNotFit_AreRefused()
    {
        Refused("expected γ of shape (3), that of a set in LayerNormalization 'y', got FLOAT 'one' []", "LayerNormalization(x, one)", (2, 3));
        Refused("expected γ of 1 dimensions", "LayerNormalization(x, one)");
        Refused("expected β of shape (3)", "LayerNormalization(x, w, four)");
        Refused("got FLOAT 'none' [0]", "LayerNormalization(x, none)");
        Refused("expected an input that is γ", "InstanceNormalization(x)");
        Refused("expected 3 numbers as β", "InstanceNormalization(x, w, four)");
        Refused("expected 3 numbers as running variance", "BatchNormalization(x, w, b, w, four)");
        Refused("expected 3 numbers as γ", "BatchNormalization(x, four, b, w, w)");
        Refused("expected an input that is running mean", "BatchNormalization(x, w, b)");
        Refused("expected a number of groups that divides the 3 channels", "GroupNormalization(x, w, b)");
        Refused("expected a number of groups that divides the 3 channels", "GroupNormalization(x, w, b)", attribute: ("num_groups", 2));
        Refused("expected a number of groups that divides the 3 channels", "GroupNormalization(x, w, b)", attribute: ("num_groups", -3));
        Refused("expected a finite ε ≥ 0 in LayerNormalization 'y', got -1", "LayerNormalization(x, w)", attribute: ("epsilon", -1f));
        Refused("expected a finite ε ≥ 0", "LayerNormalization(x, w)", attribute: ("epsilon", float.NaN));
        Refused("expected a momentum from 0 to 1", "BatchNormalization(x, w, b, b, w)", attribute: ("momentum", 2f));
        Assert.Contains("'gate', is computed in the graph", Assert.Throws<NotSupportedException>(() => Layer("LayerNormalization(x, gate)", (2, 3))).Message, StringComparison.Ordinal);
        Assert.Contains("the last one only", Assert.Throws<NotSupportedException>(() => Layer("RMSNormalization(x, wide)", default, ("axis", -2))).Message, StringComparison.Ordinal);
        Assert.Contains("it normalizes 9 dimensions", Assert.Throws<NotSupportedException>(() => Layer("LayerNormalization(x, w)", (2, 3), ("axis", -9))).Message, StringComparison.Ordinal);
        Assert.Contains("it normalizes 3 of 2 dimensions", Assert.Throws<NotSupportedException>(() => Layer("LayerNormalization(x, w)", (2, 3), ("axis", -3))).Message, StringComparison.Ordinal);
        Assert.Contains("it normalizes 0 dimensions", Assert.Throws<NotSupportedException>(() => Layer("LayerNormalization(x, w)", (2, 3), ("axis", 2))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Layer("InstanceNormalization(x, w, b)", (2, 4, 5)));

        static void Refused(string message, string node, Shape input = default, params (string, object)[] attribute) =>
            Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Layer(node, input, attribute)).Message, StringComparison.Ordinal);

        static Layer Layer(string node, Shape input, params (string, object)[] attribute) =>
            Parameters(21).Floats("one", [], 1).Floats("none", [0]).Floats("four", [4], 1, 2, 3, 4).Floats("wide", [2, 3], 1, 2, 3, 4, 5, 6).Node("y = " + node, attribute).Single().CreateLayer(input);
    }

    [Fact]
    public void Read_AValueOutOfTwoNodes_IsRefused() =>
        Assert.Contains("got 'y' out of two", Assert.Throws<InvalidDataException>(() => new OnnxBytes().Node("y = Relu(x)").Node("y = Relu(x)").Read()).Message, StringComparison.Ordinal);

    [Fact]
    public void CreateLayer_BatchNormalizationInTraining_MovesTheStatisticsAsOnnxDoes()
    {
        OnnxNormalization found = new OnnxBytes(15).Floats("w", [2], 1, 1).Floats("b", [2], 0, 0).Floats("v", [2], 1, 1)
            .Node("y m2 v2 = BatchNormalization(x, w, b, b, v)", ("training_mode", 1), ("momentum", 0.75f)).Single();
        BatchNorm layer = (BatchNorm)found.CreateLayer();
        Samples.Forward(layer, [1, 1, 3, 5], (2, 2));
        // 0.75·old + 0.25·new, with the variances 1 and 4 of the population.
        Assert.Equal([0.5f, 0.75f], layer.Running!.Mean);
        Assert.Equal([1, 1.75f], layer.Running.Variance);
        Assert.Equal(TextOf(layer), TextOf(FrameworkConventions.Onnx.BatchNorm(2, 1e-5f, 0.75)));

        static string TextOf(BatchNorm layer) => string.Join(", ", layer.Conventions.OrderBy(c => c.Key).Select(c => $"{c.Key} {c.Value}"));
    }

    // FLOAT, FLOAT16, DOUBLE and BFLOAT16; INT64, BOOL and no type cut off what is behind the point.
    [Theory]
    [InlineData(1, true)]
    [InlineData(10, true)]
    [InlineData(11, true)]
    [InlineData(16, true)]
    [InlineData(7, false)]
    [InlineData(9, false)]
    [InlineData(-1, false)]
    [InlineData(0, false)]
    public void Find_Casts_AreLookedThroughBetweenFloats(int to, bool isFound)
    {
        const string Rest = "v = ReduceMean(p)|a = Add(v, eps)|s = Sqrt(a)|";
        Assert.Equal(isFound, Start("x2 = Cast(x)|p = Pow(x, two)|" + Rest + "y = Div(x2, s)", to).Read().Normalizations.Count == 1);
        Assert.Equal(isFound, Start("e = Cast(two)|p = Pow(x, e)|" + Rest + "y = Div(x, s)", to).Read().Normalizations.Count == 1);
        Assert.Equal(isFound ? "z" : "y", Start("p = Pow(x, two)|" + Rest + "y = Div(x, s)|c = Cast(y)|z = Mul(c, w)", to).Single().Output);
    }

    // Values in another file are an error of whoever needs them.
    [Theory]
    [InlineData("two")]
    [InlineData("eps")]
    [InlineData("axes")]
    [InlineData("w")]
    public void Find_ValuesInAnotherFile_AreNoReasonToRefuseTheModel(string external)
    {
        OnnxBytes file = new(18);
        foreach ((string name, int type, long[] shape, ProtobufMessage inside) in (ReadOnlySpan<(string, int, long[], ProtobufMessage)>)
        [
            ("two", 1, [], OnnxBytes.Tensor("two", 1).Add(4, 2f)),
            ("eps", 1, [], OnnxBytes.Tensor("eps", 1).Add(4, 1e-5f)),
            ("axes", 7, [1], OnnxBytes.Tensor("axes", 7, 1).Add(7, -1)),
            ("w", 1, [3], OnnxBytes.Tensor("w", 1, 3).Add(9, OnnxBytes.Raw(1, 2, 3))),
        ])
        {
            file.Add(name == external ? OnnxBytes.Tensor(name, type, shape).Add(14, 1).Add(13, new ProtobufMessage().Add(1, "location").Add(2, "weights.bin")) : inside);
        }

        foreach (string node in (string[])["p = Pow(x, two)", "v = ReduceMean(p, axes)", "a = Add(v, eps)", "s = Sqrt(a)", "q = Div(x, s)", "y = Mul(q, w)"])
        {
            file.Node(node);
        }

        OnnxModel model = file.Read();
        Assert.True(model.Initializers.ContainsKey(external));
        if (external == "w")
        {
            OnnxNormalization found = Assert.Single(model.Normalizations);
            Assert.Contains("external data", Assert.Throws<InvalidDataException>(() => found.CreateLayer()).Message, StringComparison.Ordinal);
        }
        else
        {
            Assert.Empty(model.Normalizations);
        }
    }

    [Fact]
    public void Find_NumbersThatNoFloatHolds_AreNoReasonToRefuseTheModel()
    {
        OnnxBytes file = new OnnxBytes(18).Add(OnnxBytes.Tensor("large", 11).Add(9, BitConverter.GetBytes(1e300))).Floats("eps", [], 1e-5f);
        Assert.Empty(file.Node("p = Pow(x, large)").Node("v = ReduceMean(p)", ("axes", (long[])[-1])).Node("a = Add(v, eps)").Node("s = Sqrt(a)").Node("y = Div(x, s)").Read().Normalizations);
    }

    [Theory]
    [InlineData(-1e-30f)]
    [InlineData(float.NaN)]
    public void CreateLayer_RunningVarianceOfNoData_IsRefused(float variance)
    {
        OnnxNormalization found = Parameters().Floats("v", [3], 1, variance, 0).Node("y = BatchNormalization(x, w, b, b, v)").Single();
        Assert.Contains("expected running variances ≥ 0 in BatchNormalization 'y', got ", Assert.Throws<InvalidDataException>(() => found.CreateLayer()).Message, StringComparison.Ordinal);
    }

    private static OnnxBytes Parameters(int opset = 17) => new OnnxBytes(opset).Floats("w", [3], 1, 2, 3).Floats("b", [3], 4, 5, 6);

    // Writers of protobuf 3 leave out a number that is 0.
    [Fact]
    public void Attribute_WithoutAValue_IsZero()
    {
        Assert.Equal(0, Parameters().Node("y = LayerNormalization(x, w, b)", ("epsilon", 1L)).Single().Epsilon);
        Assert.Equal(0, Parameters().Node("y = LayerNormalization(x, w, b)", ("epsilon", "without type and number")).Single().Epsilon);
        Assert.Contains(
            "over axes [0]",
            Assert.Throws<NotSupportedException>(() => Parameters().Node("y = LpNormalization(x)", ("axis", 2L)).Single().CreateLayer((2, 3))).Message,
            StringComparison.Ordinal);
        Assert.Empty(Parameters().Node("l = ReduceL2(x)", ("axes", (long[])[-1]), ("keepdims", 2L)).Node("y = Div(x, l)").Read().Normalizations);
        OnnxBytes batch = Parameters().Floats("m", [3], 0, 0, 0).Floats("v", [3], 1, 1, 1);
        Assert.Equal(1, ((BatchNorm)batch.Node("y = BatchNormalization(x, w, b, m, v)", ("momentum", 1L)).Single().CreateLayer()).Momentum.WeightOfBatch(1));
        Assert.Empty(Parameters(7).Floats("m", [3], 0, 0, 0).Floats("v", [3], 1, 1, 1).Node("y = BatchNormalization(x, w, b, m, v)", ("spatial", 2L)).Read().Normalizations);
    }

    [Fact]
    public void Attribute_WithAnotherKindOfValue_IsDamaged()
    {
        Assert.Contains(
            "expected a float as the attribute 'epsilon', got another kind of value",
            Assert.Throws<InvalidDataException>(() => Parameters().Node("y = LayerNormalization(x, w, b)", ("epsilon", 1)).Read().Normalizations.Count).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "expected an integer as the attribute 'axis', got another kind of value",
            Assert.Throws<InvalidDataException>(() => Parameters().Node("y = LayerNormalization(x, w, b)", ("axis", 1f)).Read().Normalizations.Count).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Constant_ListOfFloats_IsAnInitializer()
    {
        OnnxBytes file = Parameters().Node("gamma = Constant()", ("value_floats", (float[])[3, 4, 5])).Node("y = LayerNormalization(x, gamma, b)");
        Assert.Equal([3f, 4, 5], file.Read().Initializers["gamma"].ReadFloats());
        Assert.Equal([3f, 4, 5], ((LayerNorm)file.Single().CreateLayer()).Gamma!.Value);
        Assert.Equal([3f, 4, 5], Parameters().Node("gamma = Constant()", ("value_floats", (double[])[3, 4, 5])).Read().Initializers["gamma"].ReadFloats());
    }

    [Fact]
    public void CreateLayer_InputThatDoesNotFit_IsNamed()
    {
        OnnxBytes batch = Parameters().Floats("m", [3], 0, 0, 0).Floats("v", [3], 1, 1, 1).Node("y = BatchNormalization(x, w, b, m, v)");
        Assert.StartsWith("Expected a shape that BatchNormalization of 'y' takes, got (2, 4).", Assert.Throws<ArgumentException>("input", () => batch.Single().CreateLayer((2, 4))).Message, StringComparison.Ordinal);
        OnnxBytes groups = Parameters(18).Node("y = GroupNormalization(x, w, b)", ("num_groups", 3));
        Assert.Throws<ArgumentException>("input", () => groups.Single().CreateLayer((1, 0, 3)));
        Assert.Throws<ArgumentException>("input", () => Parameters().Node("y = LpNormalization(x)").Single().CreateLayer((2, 0)));
        Assert.Contains(
            "over axes [1]",
            Assert.Throws<NotSupportedException>(() => Parameters().Node("y = LpNormalization(x)", ("axis", 1)).Single().CreateLayer((2, 4, 3))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Lists_PlacesThatAreNotThere_AreRefused()
    {
        OnnxModel model = Parameters().Node("y = LayerNormalization(x, w, b)").Read();
        Assert.Throws<ArgumentOutOfRangeException>("index", () => model.Nodes[1]);
        Assert.Throws<ArgumentOutOfRangeException>("index", () => model.Normalizations[-1]);
        Assert.Throws<ArgumentNullException>("key", () => model.Initializers.ContainsKey(null!));
        Assert.Throws<ArgumentOutOfRangeException>("index", () => new SafetensorsReader(new MemoryStream(SafetensorsBytes.File("{}"))).Tensors[0]);
    }

    private static OnnxBytes Start(string nodes, int castTo = 1)
    {
        OnnxBytes file = Parameters().Floats("two", [], 2).Floats("three", [], 3).Floats("one", [1], 1).Floats("eps", [], 1e-12f).Integers("two_integer", 2);
        foreach (string node in nodes.Split('|'))
        {
            file.Node(node, node.Contains("= Reduce", StringComparison.Ordinal) ? [("axes", (long[])[-1])] : node.Contains(" Cast(", StringComparison.Ordinal) ? [("to", castTo)] : []);
        }

        return file;
    }
}
