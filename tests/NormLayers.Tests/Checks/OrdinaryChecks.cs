namespace NormLayers.Tests.Checks;

/// <summary>A check that every right normalization passes; it throws where one does not.</summary>
internal sealed record Check(string Name, Action<ISubject> Run);

/// <summary>The checks that the kernels and layers are held to, and that the sabotage suite turns on faulty ones.</summary>
internal static class OrdinaryChecks
{
    public static IReadOnlyList<Check> All { get; } =
    [
        new(nameof(Shapes_MatchReference), Shapes_MatchReference),
        new(nameof(Epsilons_MatchReference), Epsilons_MatchReference),
        new(nameof(FarOffsets_MatchReference), FarOffsets_MatchReference),
        new(nameof(ExtremeMagnitudes_MatchReference), ExtremeMagnitudes_MatchReference),
        new(nameof(ConstantSets_GiveBetaExactly), ConstantSets_GiveBetaExactly),
        new(nameof(NonFinite_StaysInItsSet), NonFinite_StaysInItsSet),
        new(nameof(SecondBatch_UsesItsOwnStatistics), SecondBatch_UsesItsOwnStatistics),
        new(nameof(RunningStatistics_MatchReference), RunningStatistics_MatchReference),
        new(nameof(Evaluation_UsesRunningStatisticsAndLeavesThem), Evaluation_UsesRunningStatisticsAndLeavesThem),
        new(nameof(RowsByThemselves_GiveTheSameBits), RowsByThemselves_GiveTheSameBits),
        new(nameof(InPlace_GivesTheSameBits), InPlace_GivesTheSameBits),
        new(nameof(WithoutGammaOrBeta_TheyAreOnesAndZeros), WithoutGammaOrBeta_TheyAreOnesAndZeros),
        new(nameof(UnwantedGradients_LeaveTheRestAsItWas), UnwantedGradients_LeaveTheRestAsItWas),
        new(nameof(Masks_LeaveElementsOut), Masks_LeaveElementsOut),
    ];

    /// <summary>Shapes that a normalization takes: layer normalization and its like have no third dimension.</summary>
    private static IEnumerable<(int Rows, int Channels, int Length)> ShapesOf(Family family) =>
        family.HasRunningStatistics ? [(4, 1, 1), (5, 7, 1), (16, 6, 1), (33, 9, 1), (6, 3, 4), (3, 17, 5), (1, 4, 9)]
        : family.Spatial ? [(1, 2, 5), (3, 4, 7), (2, 6, 16), (5, 8, 3)]
        : [(1, 3, 1), (5, 7, 1), (6, 16, 1), (3, 33, 1), (17, 100, 1)];

    // So many rows of so many features; where sets run over the third dimension, that many there.
    private static Problem Random(ISubject subject, int rows, int features, double offset = 0.5, double spread = 1, ulong seed = 1) =>
        (subject.Family.Spatial ? Problem.Random(rows, 4, features, offset, spread, seed) : Problem.Random(rows, features, 1, offset, spread, seed)).For(subject.Family);

    private static void Shapes_MatchReference(ISubject subject)
    {
        foreach ((int n, int c, int l) in ShapesOf(subject.Family))
        {
            Verify.Run(subject, Problem.Random(n, c, l).For(subject.Family));
        }
    }

    private static void Epsilons_MatchReference(ISubject subject)
    {
        foreach (double epsilon in (double[])[0, 1e-12, 1e-3, 0.5, 10])
        {
            Verify.Run(subject, Random(subject, 8, 13, spread: 0.3) with { Epsilon = epsilon });
        }
    }

    private static void FarOffsets_MatchReference(ISubject subject)
    {
        foreach (double offset in (double[])[1e4, -1e6])
        {
            Verify.Run(subject, Random(subject, 24, 29, offset: offset));
        }
    }

    private static void ExtremeMagnitudes_MatchReference(ISubject subject)
    {
        Problem ordinary = Random(subject, 9, 11);
        Verify.Run(subject, Scaled(ordinary, 1e30) with { Epsilon = 0 });
        Verify.Run(subject, Scaled(ordinary, 1e30));
        Verify.Run(subject, Scaled(ordinary, 1e-30) with { Epsilon = 0 });

        // Subnormal x: with ε = 0 the output is an ordinary one and dx overflows; with ε the output is subnormal as well.
        Verify.Run(subject, Scaled(ordinary, 1e-41) with { Epsilon = 0, WantsDx = false });
        Verify.Run(subject, Scaled(ordinary, 1e-41) with { Beta = [], EarlierDGamma = new float[ordinary.Channels] }, vanishing: "dGamma");
    }

    private static void ConstantSets_GiveBetaExactly(ISubject subject)
    {
        // Without a mean that is subtracted, only zeros are.
        bool centres = subject.Family.Statistic == Statistic.MeanAndVariance;
        foreach (float value in centres ? (float[])[0, 0.1f, -2000.3f, 1e6f, 1e30f, 1e-41f] : [0])
        {
            foreach (double epsilon in (double[])[0, 1e-5])
            {
                Problem random = Random(subject, 7, 19);
                Problem constant = random with { Epsilon = epsilon, X = [.. Enumerable.Repeat(value, random.X.Length)] };
                Outcome outcome = subject.Run(constant);
                for (int i = 0; i < outcome.Y.Length; i++)
                {
                    Verify.Near($"y[{i}] of a constant {value} with epsilon {epsilon}", constant.Beta.Length == 0 ? 0 : constant.Beta[i / constant.Length % constant.Channels], outcome.Y[i], 0);
                }

                Verify.SameBits("dGamma", Support.Compare.Widen(constant.EarlierDGamma), outcome.DGamma);
            }
        }
    }

    private static void NonFinite_StaysInItsSet(ISubject subject)
    {
        foreach (float intruder in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            Problem clean = Random(subject, 6, 10);
            Problem spoilt = clean with { X = [.. clean.X] };
            int position = spoilt.X.Length / 2 + 4;
            spoilt.X[position] = intruder;
            Oracle oracle = Oracle.Of(subject.Family, spoilt);
            Verify.Run(subject, spoilt);

            // The oracle itself keeps it within its set: what the comparison above has shown of the subject. Divided by an infinite
            // root mean square, the finite elements of the set are 0; with a mean they are NaN.
            bool finiteStay = double.IsInfinity(intruder) && subject.Family.Statistic != Statistic.MeanAndVariance;
            for (int i = 0; i < spoilt.X.Length; i++)
            {
                bool lost = oracle.SetOf[i] == oracle.SetOf[position];
                Assert.Equal(lost && (i == position || !finiteStay), double.IsNaN(oracle.Y.Exact[i]));
                Assert.Equal(lost, double.IsNaN(oracle.Dx.Exact[i]));
            }
        }
    }

    private static void SecondBatch_UsesItsOwnStatistics(ISubject subject)
    {
        Verify.Run(subject, Random(subject, 8, 12, seed: 1));
        Verify.Run(subject, Random(subject, 8, 12, offset: -3, spread: 4, seed: 2));
        Verify.Run(subject, Random(subject, 5, 12, seed: 3));
    }

    private static void RunningStatistics_MatchReference(ISubject subject)
    {
        foreach (Momentum momentum in (Momentum[])[Momentum.Default, Momentum.OldWeight(0.75), Momentum.Cumulative])
        {
            Verify.Run(subject, Random(subject, 9, 8) with { Momentum = momentum, Batch = 3 });
        }
    }

    private static void Evaluation_UsesRunningStatisticsAndLeavesThem(ISubject subject)
    {
        if (subject.Family.HasRunningStatistics)
        {
            Verify.Run(subject, Problem.Random(6, 9, 2));
            Problem evaluation = Problem.Random(6, 9, 2, seed: 2) with { Training = false };
            Verify.Run(subject, evaluation);
            Verify.Run(subject, evaluation.Slice(0, 1));
        }
    }

    private static void RowsByThemselves_GiveTheSameBits(ISubject subject)
    {
        Problem batch = Random(subject, 7, 21) with { Training = false };
        int rowLength = batch.X.Length / batch.Rows;
        Outcome together = subject.Run(batch);
        for (int n = 0; n < batch.Rows; n++)
        {
            Outcome alone = subject.Run(batch.Slice(n, 1));
            Verify.SameBits($"y of row {n}", alone.Y, together.Y.AsSpan(n * rowLength, rowLength));
            Verify.SameBits($"dx of row {n}", alone.Dx, together.Dx.AsSpan(n * rowLength, rowLength));
        }
    }

    private static void InPlace_GivesTheSameBits(ISubject subject)
    {
        foreach (bool training in (bool[])[true, false])
        {
            Problem apart = Random(subject, 9, 35) with { Training = training };
            SameBits(subject.Run(apart), subject.Run(apart with { InPlace = true }));
        }
    }

    private static void WithoutGammaOrBeta_TheyAreOnesAndZeros(ISubject subject)
    {
        Problem random = Random(subject, 8, 12);
        Problem ones = random with { Gamma = [.. Enumerable.Repeat((float)subject.Family.NeutralGamma, random.Channels)] };
        SameWhereGiven(subject.Run(ones), subject.Run(ones with { Gamma = [] }));
        if (subject.Family.HasBeta)
        {
            Problem zeros = random with { Beta = new float[random.Channels] };
            SameWhereGiven(subject.Run(zeros), subject.Run(zeros with { Beta = [] }));
        }

        Verify.Run(subject, random with { Gamma = [], Beta = [] });
    }

    private static void UnwantedGradients_LeaveTheRestAsItWas(ISubject subject)
    {
        Problem wanted = Random(subject, 8, 12);
        Outcome all = subject.Run(wanted);
        Outcome onlyDx = subject.Run(wanted with { WantsParameterGradients = false });
        Outcome onlyParameters = subject.Run(wanted with { WantsDx = false });
        Assert.Null(onlyDx.DGamma);
        Assert.Null(onlyDx.DBeta);
        Assert.Null(onlyParameters.Dx);
        SameWhereGiven(all, onlyDx);
        SameWhereGiven(all, onlyParameters);
    }

    private static void Masks_LeaveElementsOut(ISubject subject)
    {
        if (!subject.Family.Masks)
        {
            return;
        }

        Problem all = Random(subject, 9, 14);

        // Two of three elements, or positions, at random, and a row and a column of none.
        int sample = all.Channels * all.Length;
        bool[] mask = [.. all.X.Select((_, i) => subject.Family.MasksPositions
            ? ((i / sample * all.Length + i % all.Length) * 2654435761u >> 7) % 3 != 0 && i / sample != 2
            : (i * 2654435761u >> 7) % 3 != 0 && i / 14 != 2 && i % 14 != 5)];
        Verify.Run(subject, all with { Mask = mask });
        float[] Spoilt(float[] values) => [.. values.Select((v, i) => mask[i] ? v : float.NaN)];
        Verify.Run(subject, all with { Mask = mask, X = Spoilt(all.X), Dy = Spoilt(all.Dy) });
    }

    private static Problem Scaled(Problem problem, double factor) => problem with
    {
        X = Array.ConvertAll(problem.X, v => (float)(v * factor)),
    };

    private static void SameBits(Outcome expected, Outcome actual)
    {
        foreach (((string name, double[]? values), (_, double[]? others)) in expected.All.Zip(actual.All))
        {
            Verify.SameBits(name, values, others);
        }
    }

    private static void SameWhereGiven(Outcome expected, Outcome actual)
    {
        foreach (((string name, double[]? values), (_, double[]? others)) in expected.All.Zip(actual.All))
        {
            if (values is not null && others is not null)
            {
                Verify.SameBits(name, values, others);
            }
        }
    }
}
