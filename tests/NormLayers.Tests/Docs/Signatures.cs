using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace NormLayers.Tests.Docs;

/// <summary>Types and members as they are written in C#.</summary>
internal static class Signatures
{
    private static readonly NullabilityInfoContext _nullability = new();

    private static readonly Dictionary<Type, string> _keywords = new()
    {
        [typeof(void)] = "void",
        [typeof(bool)] = "bool",
        [typeof(byte)] = "byte",
        [typeof(char)] = "char",
        [typeof(int)] = "int",
        [typeof(long)] = "long",
        [typeof(uint)] = "uint",
        [typeof(ulong)] = "ulong",
        [typeof(float)] = "float",
        [typeof(double)] = "double",
        [typeof(string)] = "string",
        [typeof(object)] = "object",
    };

    public static bool IsRecord(Type type) => type.GetMethod("PrintMembers", BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.DeclaredOnly) is not null;

    public static string OfType(Type type)
    {
        string kind = type switch
        {
            { IsEnum: true } => "enum",
            { IsInterface: true } => "interface",
            { IsValueType: true } => (type.IsDefined(typeof(IsReadOnlyAttribute)) ? "readonly " : "") + (IsRecord(type) ? "record struct" : "struct"),
            _ => (type.IsAbstract && type.IsSealed ? "static " : type.IsAbstract ? "abstract " : type.IsSealed ? "sealed " : "") + (IsRecord(type) ? "record" : "class"),
        };
        bool derived = type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) && !type.IsEnum;
        return $"{kind} {type.Name}" + (derived ? $" : {Name(type.BaseType!)}" : "");
    }

    public static string OfConstructor(ConstructorInfo constructor) => $"{constructor.DeclaringType!.Name}({Parameters(constructor.GetParameters())})";

    public static string OfMethod(MethodInfo method)
    {
        string result = Name(method.ReturnType, _nullability.Create(method.ReturnParameter), TupleNames(method.ReturnParameter));
        string name = method.Name switch
        {
            "op_Implicit" => $"implicit operator {result}",
            "op_Equality" => $"{result} operator ==",
            "op_Inequality" => $"{result} operator !=",
            _ => $"{result} {method.Name}",
        };
        return $"{Modifiers(method)}{name}({Parameters(method.GetParameters())})";
    }

    public static string OfProperty(PropertyInfo property)
    {
        ParameterInfo[] index = property.GetIndexParameters();
        string name = index.Length == 0 ? property.Name : $"this[{Parameters(index)}]";
        string type = Name(property.PropertyType, _nullability.Create(property), TupleNames(property));
        string set = property.SetMethod is not { IsPublic: true } setter ? ""
            : setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? " init;" : " set;";
        string required = property.IsDefined(typeof(RequiredMemberAttribute)) ? "required " : "";
        return $"{Modifiers(property.GetMethod!)}{required}{type} {name} {{ get;{set} }}";
    }

    public static string OfConstant(FieldInfo field) => $"const {Name(field.FieldType)} {field.Name} = {Literal(field.GetRawConstantValue(), field.FieldType)}";

    private static string Modifiers(MethodInfo method) => method switch
    {
        { IsStatic: true } => "static ",
        { DeclaringType.IsInterface: true } => "",
        { IsFamily: true, IsAbstract: true } => "protected abstract ",
        { IsFamily: true } => "protected ",
        { IsAbstract: true } => "abstract ",
        { IsVirtual: true } when method.GetBaseDefinition() != method => "override ",
        { IsVirtual: true, IsFinal: false } => "virtual ",
        _ => "",
    };

    private static string Parameters(ParameterInfo[] parameters) => string.Join(", ", parameters.Select(p =>
        (p.IsDefined(typeof(ParamArrayAttribute)) || p.IsDefined(typeof(ParamCollectionAttribute)) ? "params " : p.IsIn ? "in " : p.IsOut ? "out " : "")
        + $"{Name(p.ParameterType, _nullability.Create(p), TupleNames(p))} {p.Name}"
        + (p.HasDefaultValue ? $" = {Literal(p.RawDefaultValue, p.ParameterType)}" : "")));

    private static Queue<string?>? TupleNames(ICustomAttributeProvider of) =>
        of.GetCustomAttributes(typeof(TupleElementNamesAttribute), false) is [TupleElementNamesAttribute names] ? new(names.TransformNames) : null;

    private static string Name(Type type, NullabilityInfo? info = null, Queue<string?>? tupleNames = null)
    {
        if (type.IsByRef)
        {
            return Name(type.GetElementType()!, info?.ElementType ?? info, tupleNames);
        }

        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return Name(underlying, null, tupleNames) + "?";
        }

        string mark = !type.IsValueType && info?.ReadState == NullabilityState.Nullable ? "?" : "";
        if (type.IsArray)
        {
            return $"{Name(type.GetElementType()!, info?.ElementType, tupleNames)}[]{mark}";
        }

        if (!type.IsGenericType)
        {
            return (_keywords.TryGetValue(type, out string? keyword) ? keyword : type.Name) + mark;
        }

        Type[] arguments = type.GetGenericArguments();
        bool tuple = type.Name.StartsWith("ValueTuple`", StringComparison.Ordinal);
        string?[] names = [.. arguments.Select(_ => tuple ? tupleNames?.Dequeue() : null)];
        IEnumerable<string> parts = arguments.Select((a, i) =>
            Name(a, info?.GenericTypeArguments.ElementAtOrDefault(i), tupleNames) + (names[i] is { } name ? $" {name}" : ""));
        return (tuple ? $"({string.Join(", ", parts)})" : $"{type.Name.Split('`')[0]}<{string.Join(", ", parts)}>") + mark;
    }

    private static string Literal(object? value, Type type) => value switch
    {
        null => type.IsValueType && Nullable.GetUnderlyingType(type) is null ? "default" : "null",
        bool b => b ? "true" : "false",
        string s => $"\"{s}\"",
        char c => $"'{c}'",
        _ when type.IsEnum => $"{type.Name}.{Enum.GetName(type, value) ?? value}",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => throw new NotSupportedException($"No literal for {value}."),
    };
}
