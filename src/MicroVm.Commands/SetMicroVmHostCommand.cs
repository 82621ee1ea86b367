using System.Globalization;
using System.Management.Automation;
using MicroVm.Engine.Hosts;

namespace MicroVm.Commands;

/// <summary>Set-MicroVmHost: sets what VMs are given of the host.</summary>
[Cmdlet(VerbsCommon.Set, Nouns.MicroVmHost, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(MicroVmHost))]
public sealed class SetMicroVmHostCommand : MicroVmCmdlet
{
    private const int MaximumSpareSlots = 1024;

    /// <summary>The addresses that VMs are given, such as 10.213.0.0/17.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? AddressPool { get; set; }

    /// <summary>The IPv6 addresses that VMs are given, such as fd12:3456:789a::/64; an empty text for none.</summary>
    [Parameter]
    [AllowEmptyString]
    public string? IPv6AddressPool { get; set; }

    /// <summary>How many network links are kept ready for VMs to come.</summary>
    [Parameter]
    [ValidateRange(0, MaximumSpareSlots)]
    public int? SpareSlots { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (AddressPool is null && IPv6AddressPool is null && SpareSlots is null)
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("Give what is to be set: -AddressPool, -IPv6AddressPool, -SpareSlots."));
        }

        HostUpdate update = new() { AddressPool = AddressPool, IPv6AddressPool = IPv6AddressPool, SpareSlots = SpareSlots };
        string what = string.Join(" and ", ((string?[])
        [
            AddressPool is null ? null : $"address pool {AddressPool}",
            IPv6AddressPool is null ? null : IPv6AddressPool.Length == 0 ? "no IPv6 address pool" : $"IPv6 address pool {IPv6AddressPool}",
            SpareSlots is null ? null : string.Create(CultureInfo.InvariantCulture, $"{SpareSlots} spare slots"),
        ]).OfType<string>());
        if (ShouldProcess("host", $"Set {what}")
            && TryRun("host", (observer, token) => Engine.SetHostAsync(update, observer, token), out MicroVmHost? host))
        {
            WriteObject(host);
        }
    }
}
