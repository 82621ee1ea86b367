using System.Buffers.Binary;
using System.Text;

namespace MicroVm.Engine.Storage;

/// <summary>A loadable kernel module, with what its <c>.modinfo</c> section says of it.</summary>
/// <param name="Name">The name as the kernel writes it, with underscores.</param>
/// <param name="FileName">The name of its file, without directory, ending in <c>.ko</c>.</param>
/// <param name="Content">The uncompressed file.</param>
/// <param name="Depends">The names of the modules it needs first.</param>
/// <param name="Aliases">The device and file system names it answers to.</param>
internal sealed record KernelModule(string Name, string FileName, byte[] Content, IReadOnlyList<string> Depends, IReadOnlyList<string> Aliases)
{
    private const int SignatureInfoBytes = 12;

    private static ReadOnlySpan<byte> SignatureMark => "~Module signature appended~\n"u8;

    /// <summary>Reads a module file.</summary>
    /// <exception cref="InvalidDataException">Not a kernel module.</exception>
    public static KernelModule Read(string fileName, byte[] content)
    {
        string text = Encoding.UTF8.GetString(new ElfFile(content).Section(".modinfo").Span);
        if (text.Length == 0)
        {
            throw new InvalidDataException($"'{fileName}' is not a kernel module: it has no .modinfo.");
        }

        string[] entries = text.Split('\0', StringSplitOptions.RemoveEmptyEntries);
        string[] depends = Values(entries, "depends").SelectMany(v => v.Split(',', StringSplitOptions.RemoveEmptyEntries)).Select(NormalizeName).ToArray();
        return new KernelModule(NameOf(fileName), fileName, content, depends, Values(entries, "alias").ToArray());
    }

    /// <summary>
    /// The module without the signature that may be appended to it (include/linux/module_signature.h: the signature, twelve bytes that end with its length, and a line).
    /// A kernel that does not insist takes it as it is, marked as unsigned (tainted, E), and is spared the check, which under emulation takes 20 ms each.
    /// </summary>
    public KernelModule WithoutSignature()
    {
        ReadOnlySpan<byte> rest = Content;
        if (!rest.EndsWith(SignatureMark))
        {
            return this;
        }

        rest = rest[..^SignatureMark.Length];
        uint length = rest.Length < SignatureInfoBytes ? 0 : BinaryPrimitives.ReadUInt32BigEndian(rest[^4..]);
        long left = rest.Length - SignatureInfoBytes - (long)length;
        return length > 0 && left > 0 ? this with { Content = Content[..(int)left] } : this;
    }

    /// <summary>The module's name for a file such as <c>virtio-rng.ko</c> or <c>virtio-rng.ko.xz</c>.</summary>
    public static string NameOf(string fileName) => NormalizeName(fileName[..fileName.IndexOf(".ko", StringComparison.Ordinal)]);

    /// <summary>A module's name as the kernel compares it: a hyphen is an underscore.</summary>
    public static string NormalizeName(string name) => name.Replace('-', '_');

    private static IEnumerable<string> Values(string[] entries, string key) =>
        entries.Where(e => e.StartsWith(key + "=", StringComparison.Ordinal)).Select(e => e[(key.Length + 1)..]);
}
