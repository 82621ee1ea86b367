using System.Buffers.Text;
using System.Globalization;
using System.Text;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Machines;

/// <summary>The rules for what a guest is told of itself: its name, the keys that may log in, and user data.</summary>
internal static class ConfigurationRules
{
    // Linux keeps no more (HOST_NAME_MAX).
    private const int MostHostNameBytes = 64;

    private const int MostLabelLength = 63;

    private const int MostUserDataBytes = 1 << 20;

    private static readonly string[] s_keyTypes = ["ssh-ed25519", "ssh-rsa"];

    private static readonly string[] s_keyFamilies = ["ecdsa-sha2-", "sk-"];

    /// <summary>Checks what can be checked without knowing what boots.</summary>
    public static void Check(VirtualMachineSpec spec)
    {
        if (spec.Hostname is { } name && (name.Length > MostHostNameBytes || !name.Split('.').All(IsLabel)))
        {
            throw Invalid(
                name,
                $"'{name}' is not a host name.",
                $"Use letters, digits and hyphens, at most {MostHostNameBytes} in all; dots separate labels, which neither begin nor end with a hyphen.");
        }

        for (int i = 0; i < spec.AuthorizedKeys.Count; i++)
        {
            if (!IsPublicKey(spec.AuthorizedKeys[i]))
            {
                // By its number: it may be a private key that was given by mistake.
                throw Invalid(
                    i + 1,
                    $"AuthorizedKey {(i + 1).ToString(CultureInfo.InvariantCulture)} is not a public key of SSH.",
                    "Give the line, not the path of its file: -AuthorizedKey (Get-Content ~/.ssh/id_ed25519.pub)");
            }
        }

        if (spec.UserData is { } data)
        {
            CheckUserData(data);
        }
    }

    /// <summary>Whether a VM gets a configuration disk.</summary>
    /// <param name="spec">What the VM shall be.</param>
    /// <param name="nameNeedsDisk">Whether there is no other way to name the guest, nor to tell it of its network.</param>
    /// <param name="hasInterfaces">Whether it has network interfaces.</param>
    public static bool IsDiskNeeded(VirtualMachineSpec spec, bool nameNeedsDisk, bool hasInterfaces = false) =>
        spec.AuthorizedKeys.Count > 0 || spec.UserData is not null || (nameNeedsDisk && (spec.Hostname is not null || hasInterfaces));

    /// <summary>Checks that an image with our own init can be given a network.</summary>
    /// <param name="image">The image's name.</param>
    /// <param name="readsWords">Whether the image's init takes the words of the kernel's command line.</param>
    public static void CheckOurNetwork(string image, bool readsWords)
    {
        if (!readsWords)
        {
            throw Invalid(
                image, $"Image '{image}' was made before guests could be given a network.", $"Make it again: Install-MicroVmImage {image} -Force");
        }
    }

    /// <summary>Checks that an image with our own init can do what is asked for.</summary>
    /// <param name="spec">What the VM shall be.</param>
    /// <param name="image">The image's name.</param>
    /// <param name="readsDisk">Whether the image's init reads the configuration disk.</param>
    public static void CheckOurInit(VirtualMachineSpec spec, string image, bool readsDisk)
    {
        if (!readsDisk)
        {
            throw Invalid(
                image,
                $"Image '{image}' was made before guests could be given keys and user data.",
                $"Make it again: Install-MicroVmImage {image} -Force");
        }

        if (spec.UserData is { } data && !data.StartsWith("#!", StringComparison.Ordinal))
        {
            throw Invalid(
                image,
                $"Image '{image}' has no cloud-init: its user data must be a script that begins with #!.",
                "Give a script, or boot an image with cloud-init.");
        }
    }

    private static void CheckUserData(string data)
    {
        int bytes = Encoding.UTF8.GetByteCount(data);
        if (bytes > MostUserDataBytes)
        {
            throw Invalid(
                bytes,
                string.Create(CultureInfo.InvariantCulture, $"UserData has {bytes} bytes; {MostUserDataBytes} are the limit."),
                "Put the rest on a disk.");
        }

        int control = FirstControl(data);
        if (control >= 0)
        {
            throw Invalid(
                control,
                string.Create(CultureInfo.InvariantCulture, $"UserData has the control character U+{(int)data[control]:X4} at position {control}."),
                "Give text; encode what is binary.");
        }
    }

    private static int FirstControl(string data)
    {
        for (int i = 0; i < data.Length; i++)
        {
            if (char.IsControl(data[i]) && data[i] is not ('\n' or '\r' or '\t'))
            {
                return i;
            }
        }

        return -1;
    }

    private static bool IsLabel(string label) =>
        label.Length is > 0 and <= MostLabelLength
        && label[0] != '-'
        && label[^1] != '-'
        && label.All(character => char.IsAsciiLetterOrDigit(character) || character == '-');

    private static bool IsPublicKey(string? line)
    {
        // Type, key, and a comment that may have blanks. Line separators would make two lines of it for some readers.
        if (line is null || line.Any(character => char.IsControl(character) || character is '\u2028' or '\u2029'))
        {
            return false;
        }

        string[] words = line.Split(' ', 3);
        return words.Length > 1
            && (s_keyTypes.Contains(words[0]) || s_keyFamilies.Any(family => words[0].StartsWith(family, StringComparison.Ordinal)))
            && words[1].Length > 0
            && Base64.IsValid(words[1]);
    }

    private static MicroVmException Invalid(object target, string message, string advice) =>
        new(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, message) { Target = target, RecommendedAction = advice };
}
