using System.Net;
using System.Net.Sockets;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Keeper;

/// <summary>
/// Lets VMs of named networks find each other by their names: as <c>db</c> or <c>db.lan</c>. While such VMs run, a name server of this process answers their guests;
/// without a keeper they ask the host's name servers, which know none of these names.
/// </summary>
internal sealed class NameService(EngineContext context, Action<string> say) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, Member> _members = [];
    private NameServer? _server;

    /// <summary>Takes notice of a VM as it is now.</summary>
    public void Follow(MachineRecord record)
    {
        Member? member = MemberOf(record);
        lock (_lock)
        {
            if (member is null)
            {
                _members.Remove(record.Id);
                return;
            }

            _members[record.Id] = member;
        }

        Serve(member);
    }

    /// <summary>Forgets a VM.</summary>
    public void Forget(Guid id)
    {
        lock (_lock)
        {
            _members.Remove(id);
        }
    }

    /// <summary>Ends the name server; guests ask the host's again.</summary>
    public void Dispose()
    {
        if (_server is null)
        {
            return;
        }

        foreach (Member member in _members.Values)
        {
            TryLead(member.Link, to: null);
        }

        _server.Dispose();
    }

    private void Serve(Member member)
    {
        try
        {
            _server ??= new NameServer(context.HostNetwork, Find, ResolversFor);
            TryLead(member.Link, _server.EndPoint);
        }
        catch (SocketException exception)
        {
            say($"VMs of named networks do not find each other by name: {exception.Message}");
        }
    }

    private void TryLead(string link, IPEndPoint? to)
    {
        try
        {
            context.HostNetwork.Run(sockets => Firewall.SetNameServer(sockets, link, to));
        }
        catch (Exception exception) when (exception is MicroVmException or LinuxException)
        {
            say($"Link {link} was not led to the name server: {exception.Message} {exception.InnerException?.Message}");
        }
    }

    private Member? MemberOf(MachineRecord record)
    {
        int index = record.Hardware.Interfaces.ToList().FindIndex(one => one.Mode == NetworkMode.Named);
        if (index < 0 || record.Run is not { } run || !run.Process.IsAlive || record.Network?.Slots.ElementAtOrDefault(index) is not { } slot)
        {
            return null;
        }

        (IPAddress four, IPAddress? six) = HostOutlook.PoolOf(context).AddressOf(slot);
        MachineInterface one = record.Hardware.Interfaces[index];
        return new Member(record.Name, one.Name!, run.Links[index], four, one.AddressV6 is null ? null : six, record.Network.Egress is not { Base: EgressBase.None });
    }

    private NameServer.NameAnswer? Find(IPAddress from, string name)
    {
        lock (_lock)
        {
            return MemberAt(from) is { } asking
                && _members.Values.FirstOrDefault(member => NameClaims.AreSame(member.Network, asking.Network) && IsNameOf(member, name)) is { } found
                    ? new NameServer.NameAnswer(found.Four, found.Six)
                    : null;
        }
    }

    // Who may go nowhere is not to reach the world by its questions either.
    private IReadOnlyList<IPAddress> ResolversFor(IPAddress from)
    {
        lock (_lock)
        {
            if (MemberAt(from) is not { MayAskOthers: true })
            {
                return [];
            }
        }

        return Resolvers.Read(context.ResolverFile).Addresses;
    }

    private Member? MemberAt(IPAddress address) => _members.Values.FirstOrDefault(member => member.Four.Equals(address));

    private static bool IsNameOf(Member member, string name) =>
        name.Equals(member.Name, StringComparison.OrdinalIgnoreCase) || name.Equals($"{member.Name}.{member.Network}", StringComparison.OrdinalIgnoreCase);

    private sealed record Member(string Name, string Network, string Link, IPAddress Four, IPAddress? Six, bool MayAskOthers);
}
