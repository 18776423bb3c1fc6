using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using System.Xml.XPath;

namespace NormLayers.Tests.Docs;

/// <summary>The documentation comments of assemblies, as Markdown.</summary>
internal sealed partial class XmlComments(params IEnumerable<string> paths)
{
    private readonly Dictionary<string, XElement> _members = WithInherited(paths
        .SelectMany(path => XDocument.Load(path, LoadOptions.PreserveWhitespace).Descendants("member"))
        .DistinctBy(m => m.Attribute("name")!.Value) // The libraries share a source file.
        .ToDictionary(m => m.Attribute("name")!.Value));

    /// <summary>The comment of a type or member; none for what the compiler generates.</summary>
    public XElement? Of(MemberInfo member) => _members.GetValueOrDefault(Id(member));

    /// <summary>One element of a comment, paragraphs apart; empty if there is none.</summary>
    public static string Text(XElement? comment, string element, string? name = null)
    {
        XElement? found = comment?.Elements(element).FirstOrDefault(e => name is null || e.Attribute("name")?.Value == name);
        return found is null ? "" : Markdown(found);
    }

    /// <summary>The content of an element as Markdown: code, emphasis and paragraphs kept, lines joined.</summary>
    public static string Markdown(XElement element)
    {
        StringBuilder text = new();
        foreach (XNode node in element.Nodes())
        {
            text.Append(node switch
            {
                XElement { Name.LocalName: "para" } e => $"\n\n{Markdown(e)}",
                XElement { Name.LocalName: "b" } e => $"**{Markdown(e)}**",
                XElement { Name.LocalName: "c" } e => $"`{e.Value}`",
                XElement { Name.LocalName: "see" } e when e.Attribute("cref") is { } cref => $"`{Short(cref.Value)}`",
                XElement { Name.LocalName: "see" } e when e.Attribute("href") is { } link => e.IsEmpty ? $"<{link.Value}>" : $"[{Markdown(e)}]({link.Value})",
                XElement { Name.LocalName: "see" } e when e.Attribute("langword") is { } word => $"`{word.Value}`",
                XElement { Name.LocalName: "paramref" or "typeparamref" } e => $"`{e.Attribute("name")!.Value}`",
                XText t => Escaped(Space().Replace(t.Value, " ")),
                _ => throw new NotSupportedException($"No Markdown for {node}."),
            });
        }

        return LineEnd().Replace(text.ToString(), "\n").Trim();
    }

    /// <summary>The last name of a reference: <c>M:NormLayers.Layer.Forward(…)</c> is Forward, a constructor its type.</summary>
    public static string Short(string cref)
    {
        string[] names = cref.Split('(')[0].Split(':')[^1].Split('.');
        return names[^1] == "#ctor" ? names[^2] : names[^1].Split('`')[0];
    }

    // An inheritdoc with a path stands for the elements of the other comment that it selects; the first element is the comment itself, as in an editor.
    private static Dictionary<string, XElement> WithInherited(Dictionary<string, XElement> members)
    {
        foreach (XElement inherited in members.Values.SelectMany(m => m.Elements("inheritdoc").Where(e => e.Attribute("path") is not null)).ToList())
        {
            XElement[] selected = [.. members[inherited.Attribute("cref")!.Value].XPathSelectElements("." + inherited.Attribute("path")!.Value)];
            Assert.NotEmpty(selected);
            inherited.ReplaceWith(selected);
        }

        return members;
    }

    private static string Escaped(string text) => text.Replace("<", "&lt;", StringComparison.Ordinal).Replace("*", "\\*", StringComparison.Ordinal);

    private static string Id(MemberInfo member) => member switch
    {
        Type type => "T:" + Name(type),
        FieldInfo field => $"F:{Name(field.DeclaringType!)}.{field.Name}",
        PropertyInfo property => $"P:{Name(property.DeclaringType!)}.{property.Name}{Parameters(property.GetIndexParameters())}",
        ConstructorInfo constructor => $"M:{Name(constructor.DeclaringType!)}.#ctor{Parameters(constructor.GetParameters())}",
        MethodInfo method => $"M:{Name(method.DeclaringType!)}.{method.Name}{Arity(method)}{Parameters(method.GetParameters())}"
            + (method.Name is "op_Implicit" or "op_Explicit" ? "~" + Name(method.ReturnType) : ""),
        _ => throw new NotSupportedException($"No documentation id for {member}."),
    };

    private static string Arity(MethodInfo method) => method.IsGenericMethod ? $"``{method.GetGenericArguments().Length}" : "";

    private static string Parameters(ParameterInfo[] parameters) =>
        parameters.Length == 0 ? "" : $"({string.Join(',', parameters.Select(p => Name(p.ParameterType)))})";

    private static string Name(Type type) => type switch
    {
        { IsByRef: true } => Name(type.GetElementType()!) + "@",
        { IsArray: true } => Name(type.GetElementType()!) + "[]",
        { IsGenericParameter: true } => (type.DeclaringMethod is null ? "`" : "``") + type.GenericParameterPosition,
        { IsConstructedGenericType: true } => $"{type.GetGenericTypeDefinition().FullName!.Split('`')[0]}{{{string.Join(',', type.GetGenericArguments().Select(Name))}}}",
        _ => type.FullName!.Replace('+', '.'),
    };

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();

    [GeneratedRegex(@" *\n *(?=\n|\S)")]
    private static partial Regex LineEnd();
}
