using System.Reflection;

namespace NormLayers.Tests.Support;

/// <summary>The libraries that a program can use.</summary>
internal static class PublicAssemblies
{
    public static IReadOnlyList<Assembly> All { get; } = [typeof(Layer).Assembly, typeof(Lab.Training.Trainer).Assembly];
}
