using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using NormLayers.Tests.Docs;

namespace NormLayers.Tests.Sabotage;

/// <summary>The references as they are compiled from edited source: a wrong variant is a changed line of the code that the reader sees.</summary>
internal sealed class ReferenceSource
{
    private static readonly string[] s_files =
        ["src/NormLayers/Normalization/NormReference.cs", "src/NormLayers/BatchNorm/BatchNormReference.cs", "src/NormLayers/Throw.cs"];

    private static readonly CSharpParseOptions s_language = new(LanguageVersion.Latest);

    private static readonly Lazy<MetadataReference[]> s_assemblies = new(() =>
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(path => MetadataReference.CreateFromFile(path))]);

    private static readonly ConcurrentDictionary<Fault, ReferenceSource> s_compiled = [];

    private readonly Type _normReference;
    private readonly MethodInfo _updateRunning;

    private ReferenceSource(Assembly assembly)
    {
        _normReference = assembly.GetType(typeof(NormReference).FullName!, throwOnError: true)!;
        _updateRunning = assembly.GetType(typeof(BatchNormReference).FullName!, throwOnError: true)!.GetMethod(nameof(BatchNormReference.UpdateRunning))!;
    }

    /// <summary>The references of the library.</summary>
    public static ReferenceSource Right { get; } = new(typeof(NormReference).Assembly);

    /// <summary>The references with a fault's edits; each must find its text.</summary>
    public static ReferenceSource Edited(Fault fault) => s_compiled.GetOrAdd(fault, Compile);

    /// <summary>This source's reference with the settings of another.</summary>
    public ReferenceLayer Create(NormReference like, IndexSets sets, IndexSets parameters)
    {
        ReferenceLayer reference = (ReferenceLayer)Activator.CreateInstance(_normReference, sets, parameters)!;
        foreach (PropertyInfo setting in typeof(NormReference).GetProperties().Where(p => p.SetMethod?.IsPublic == true))
        {
            _normReference.GetProperty(setting.Name)!.SetValue(reference, setting.GetValue(like));
        }

        return reference;
    }

    /// <summary>The mean and the variance of each set in the last forward pass.</summary>
    public (double[] Mean, double[] Variance) StatisticsOf(ReferenceLayer reference) => (
        (double[])_normReference.GetProperty(nameof(NormReference.Mean))!.GetValue(reference)!,
        (double[])_normReference.GetProperty(nameof(NormReference.Variance))!.GetValue(reference)!);

    /// <inheritdoc cref="BatchNormReference.UpdateRunning"/>
    public void UpdateRunning(double[] mean, double[] variance, double m, double newWeight, double[] runningMean, double[] runningVariance) =>
        _updateRunning.Invoke(null, [mean, variance, m, newWeight, runningMean, runningVariance]);

    private static ReferenceSource Compile(Fault fault) => new(CompileEdited(fault, s_files));

    /// <summary>Source files with a fault's edits, compiled; each edit must find its text.</summary>
    public static Assembly CompileEdited(Fault fault, IReadOnlyList<string> files)
    {
        string[] sources = [.. files.Select(file => string.Join('\n', RepositoryFiles.ReadLines(file)))];
        foreach ((string right, string wrong) in fault.Edits)
        {
            int file = Array.FindIndex(sources, text => text.Contains(right, StringComparison.Ordinal));
            Assert.True(file >= 0, $"{fault}: no reference has the text '{right}'.");
            sources[file] = sources[file].Replace(right, wrong, StringComparison.Ordinal);
        }

        CSharpCompilation compilation = CSharpCompilation.Create(
            $"Wrong.{string.Concat(fault.Name.Where(char.IsLetterOrDigit))}",
            sources.Prepend("global using System; global using System.Linq; global using System.Collections.Generic;").Select(text => CSharpSyntaxTree.ParseText(text, s_language)),
            s_assemblies.Value,
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, nullableContextOptions: NullableContextOptions.Enable));
        using MemoryStream image = new();
        Diagnostic[] errors = [.. compilation.Emit(image).Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error)];
        Assert.True(errors.Length == 0, $"{fault}: {string.Join<Diagnostic>("; ", errors)}");
        return Assembly.Load(image.ToArray());
    }
}
