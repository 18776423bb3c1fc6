using System.Reflection;
using NormLayers.Exchange;
using NormLayers.Lab.Data;
using NormLayers.Lab.Training;
using NormLayers.Lab.Trials;
using NormLayers.Network;
using NormLayers.Numerics;
using NormLayers.Tests.Exchange;
using NormLayers.Tests.Support;

namespace NormLayers.Tests;

/// <summary>Every public constructor and method refuses null where its signature does, and names the argument.</summary>
public sealed class NullArgumentTests
{
    private static readonly NullabilityInfoContext s_nullability = new();

    private static readonly Dictionary<Type, object> s_values = new()
    {
        [typeof(int)] = 3,
        [typeof(ulong)] = 3UL,
        [typeof(double)] = 0.5,
        [typeof(string)] = "a",
        [typeof(Shape)] = new Shape(2, 3),
        [typeof(PatchOptions)] = new PatchOptions(),
        [typeof(RenormLimits)] = RenormLimits.Paper,
        [typeof(FrameworkConventions)] = FrameworkConventions.PyTorch,
        [typeof(RandomSource)] = new RandomSource(1),
        [typeof(NormalizationKind)] = NormalizationKind.None,
        [typeof(TextReader)] = TextReader.Null,
        [typeof(SafetensorsReader)] = new SafetensorsReader(new MemoryStream(SafetensorsBytes.File("{}"))),
        [typeof(Sequential)] = new Sequential(new ReLU()),
        [typeof(Classifier)] = Classifier(),
        [typeof(MlpOptions)] = new MlpOptions { InputFeatures = 2, HiddenFeatures = [2], Classes = 2 },
        [typeof(SampleFormat)] = new SampleFormat(2, ["a", "b"]),
        [typeof(Standardization)] = Standardization.Of(new Dataset("a", [1, 2], [0, 1], 1, 2)),
        [typeof(Dataset)] = new Dataset("a", [1, 2], [0, 1], 1, 2),
        [typeof(TrialOptions)] = new TrialOptions(),
        [typeof(SweepGrid)] = new SweepGrid(new TrialOptions()),
        [typeof(SeedData)] = SeedData.Of(new SyntheticOptions()),
        [typeof(DataSummary)] = SeedData.Of(new SyntheticOptions()).Summary,
        [typeof(DataSplit)] = SyntheticClassification.Generate(new SyntheticOptions()),
        [typeof(TrialResult)] = new TrialResult(new TrialOptions(), null!, 0),
        [typeof(IReadOnlyList<long>)] = (long[])[1],
        [typeof(IReadOnlyList<SweepAxis>)] = Array.Empty<SweepAxis>(),
        [typeof(IReadOnlyList<NormalizationKind>)] = (NormalizationKind[])[NormalizationKind.None, NormalizationKind.BatchNorm],
        [typeof(Func<long, DataSplit>)] = (long seed) => SyntheticClassification.Generate(new SyntheticOptions()),
    };

    public static TheoryData<string> Calls => [.. All().Select(c => c.Name).Distinct()];

    [Theory]
    [MemberData(nameof(Calls))]
    public void PublicMember_NullArgument_IsNamed(string name)
    {
        foreach ((_, MethodBase member, ParameterInfo parameter) in All().Where(c => c.Name == name))
        {
            object?[] arguments = [.. member.GetParameters().Select(p => p.Position == parameter.Position ? null : Value(p.ParameterType))];
            object? instance = member.IsStatic || member is ConstructorInfo ? null : Instance(member.DeclaringType!);
            Exception? error = Record.Exception(() => member is ConstructorInfo constructor ? constructor.Invoke(arguments) : member.Invoke(instance, arguments));
            ArgumentNullException inner = Assert.IsType<ArgumentNullException>((error as TargetInvocationException)?.InnerException ?? error);
            Assert.Equal(parameter.Name, inner.ParamName);
        }
    }

    [Fact]
    public void Calls_Library_AreMany() => Assert.InRange(Calls.Count, 30, 1000);

    private static IEnumerable<(string Name, MethodBase Member, ParameterInfo Parameter)> All() =>
        from type in PublicAssemblies.All.SelectMany(a => a.GetExportedTypes())
        where !type.IsAbstract || type.IsSealed
        where !type.Name.EndsWith("Reference", StringComparison.Ordinal) // The page's lines as code, without checks.
        where !typeof(Delegate).IsAssignableFrom(type) && type.GetMethod("<Clone>$") is null && !typeof(Exception).IsAssignableFrom(type)
        from member in type.GetConstructors().Cast<MethodBase>().Concat(type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly))
        where !member.ContainsGenericParameters && (!member.IsSpecialName || member is ConstructorInfo) && member.Name != "Equals"
        let parameters = member.GetParameters()
        where !parameters.Any(p => p.ParameterType.IsByRefLike || p.ParameterType.IsByRef)
        from parameter in parameters
        where !parameter.ParameterType.IsValueType && s_nullability.Create(parameter).WriteState == NullabilityState.NotNull
        select ($"{type.Name}.{(member is ConstructorInfo ? "new" : member.Name)}({parameter.Name})", member, parameter);

    private static object? Instance(Type type) =>
        s_values.TryGetValue(type, out object? known) ? known
        : type.GetConstructors().OrderBy(c => c.GetParameters().Length).First() is var constructor
            ? constructor.Invoke([.. constructor.GetParameters().Select(p => p.HasDefaultValue && p.DefaultValue is not null ? p.DefaultValue : Value(p.ParameterType))])
            : null;

    private static Classifier Classifier()
    {
        MlpOptions options = new() { InputFeatures = 2, HiddenFeatures = [2], Classes = 2 };
        return new Classifier(Mlp.Create(options), options, new SampleFormat(2, ["a", "b"]));
    }

    private static object? Value(Type type) =>
        s_values.TryGetValue(type, out object? value) ? value
        : type == typeof(Optimizer) ? new SgdOptimizer(((Sequential)s_values[typeof(Sequential)]).Parameters, 0.1)
        : type == typeof(IReadOnlyList<Parameter>) ? (Parameter[])[new Parameter("a", 1)]
        : type == typeof(TrainingOptions) ? new TrainingOptions()
        : type.IsValueType ? Activator.CreateInstance(type)
        : type == typeof(Layer) ? new ReLU()
        : type.IsArray ? Array.CreateInstance(type.GetElementType()!, 0)
        : type == typeof(Stream) ? Stream.Null
        : type == typeof(Parameter) ? new Parameter("a", 1)
        : null;
}
