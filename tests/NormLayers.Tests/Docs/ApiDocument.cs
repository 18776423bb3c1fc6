using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Xml.Linq;

namespace NormLayers.Tests.Docs;

/// <summary>Writes docs/API.md from assemblies and their documentation comments: the same input gives the same text.</summary>
internal sealed class ApiDocument(IEnumerable<Assembly> assemblies, XmlComments comments)
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private readonly StringBuilder _text = new();

    public string Write(string introduction)
    {
        _text.Clear().Append(introduction.TrimEnd()).Append('\n');
        IGrouping<string, Type>[] namespaces = [.. assemblies.SelectMany(a => a.GetExportedTypes()).OrderBy(t => t.Name, StringComparer.Ordinal)
            .GroupBy(t => t.Namespace!).OrderBy(g => g.Key, StringComparer.Ordinal)];
        foreach (IGrouping<string, Type> group in namespaces)
        {
            Line($"\n- **[{group.Key}](#{group.Key.Replace(".", "", StringComparison.Ordinal).ToLower(CultureInfo.InvariantCulture)})**: ");
            _text.AppendJoin(", ", group.Select(t => $"[{t.Name}](#{t.Name.ToLower(CultureInfo.InvariantCulture)})"));
        }

        Line("\n");
        foreach (IGrouping<string, Type> group in namespaces)
        {
            Line($"\n## {group.Key}\n");
            foreach (Type type in group)
            {
                WriteType(type);
            }
        }

        return _text.ToString();
    }

    private static bool Visible(MethodBase? method) =>
        method is not null && (method.IsPublic || ((method.IsFamily || method.IsFamilyOrAssembly) && !method.DeclaringType!.IsSealed));

    private void WriteType(Type type)
    {
        XElement? comment = comments.Of(type);
        Line($"\n### {type.Name}\n\n`{Signatures.OfType(type)}`\n");
        Paragraph(XmlComments.Text(comment, "summary"));
        Paragraph(XmlComments.Text(comment, "remarks"));
        if (type.IsEnum)
        {
            IEnumerable<FieldInfo> values = type.GetFields(BindingFlags.Public | BindingFlags.Static);
            Paragraph(string.Join('\n', values.Select(v => $"- `{v.Name}`: {OneLine(XmlComments.Text(comments.Of(v), "summary"))}")));
            return;
        }

        List<string> inherited = [];
        foreach (ConstructorInfo constructor in type.GetConstructors(Declared).Where(Visible).OrderBy(c => c.MetadataToken))
        {
            // A record's parameters are its properties, listed below; its copy constructor and the empty one say nothing.
            if (comments.Of(constructor) is { } own && !Signatures.IsRecord(type))
            {
                WriteMember(Signatures.OfConstructor(constructor), own, constructor.GetParameters());
            }
        }

        foreach (FieldInfo constant in type.GetFields(Declared).Where(f => f.IsPublic && f.IsLiteral))
        {
            WriteMember(Signatures.OfConstant(constant), comments.Of(constant)!, []);
        }

        foreach (PropertyInfo property in type.GetProperties(Declared).Where(p => Visible(p.GetMethod)).OrderBy(p => p.MetadataToken))
        {
            XElement? own = comments.Of(property);
            if (own?.Element("inheritdoc") is not null)
            {
                inherited.Add(property.Name);
            }
            else if (own is not null)
            {
                WriteMember(Signatures.OfProperty(property), own, property.GetIndexParameters());
            }
        }

        foreach (MethodInfo method in type.GetMethods(Declared).Where(Visible).OrderBy(m => m.MetadataToken))
        {
            XElement? own = comments.Of(method);
            if (own?.Element("inheritdoc") is not null)
            {
                inherited.Add(method.Name);
            }
            else if (own is not null && !method.IsDefined(typeof(CompilerGeneratedAttribute)))
            {
                WriteMember(Signatures.OfMethod(method), own, method.GetParameters());
            }
        }

        if (inherited.Count > 0)
        {
            Paragraph($"As in the base type or interface: {string.Join(", ", inherited.Distinct().Order(StringComparer.Ordinal).Select(n => $"`{n}`"))}.");
        }
    }

    private void WriteMember(string signature, XElement comment, ParameterInfo[] parameters)
    {
        Line($"\n**`{signature}`**\n");
        Paragraph(XmlComments.Text(comment, "summary"));
        Paragraph(XmlComments.Text(comment, "remarks"));
        List<string> items = [.. parameters
            .Select(p => (p.Name, Text: XmlComments.Text(comment, "param", p.Name)))
            .Where(p => p.Text.Length > 0)
            .Select(p => $"- `{p.Name}`: {OneLine(p.Text)}")];
        Assert.True(items.Count == 0 || items.Count == parameters.Length, $"{signature} has a text for some of its parameters, and not for all.");
        if (XmlComments.Text(comment, "returns") is { Length: > 0 } returns)
        {
            items.Add($"- Returns: {OneLine(returns)}");
        }

        items.AddRange(comment.Elements("exception").Select(e =>
            $"- Throws `{XmlComments.Short(e.Attribute("cref")!.Value)}`: {OneLine(XmlComments.Markdown(e))}"));
        Paragraph(string.Join('\n', items));
    }

    private static string OneLine(string text) => text.Replace("\n", " ", StringComparison.Ordinal);

    private void Line(string text) => _text.Append(text);

    private void Paragraph(string text)
    {
        if (text.Length > 0)
        {
            _text.Append('\n').Append(text).Append('\n');
        }
    }
}
