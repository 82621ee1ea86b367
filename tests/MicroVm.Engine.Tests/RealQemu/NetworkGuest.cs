using System.Text;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Machines;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>A guest that serves, and goes out.</summary>
internal sealed class NetworkGuest(MicroVmEngine engine, VirtualMachine machine)
{
    /// <summary>What it serves at "/".</summary>
    public const string Page = "page of the guest\n";

    /// <summary>What a refusal by the policy looks like from within.</summary>
    public const string Refused = "No route to host";

    private readonly Commands _commands = new(engine, machine);

    /// <summary>Runs a script that has to succeed; gives what it said, without the last new line.</summary>
    public Task<string> AskAsync(string script) => _commands.AskAsync(script);

    /// <summary>
    /// Begins to serve: pages at port 80, of which "/big" has 4 MB, at 81 how often somebody asked there, at 82 an echo, at 7 an echo of datagrams.
    /// </summary>
    public Task ServeAsync() => AskAsync(
        $"""
        mkdir -p /run/www
        printf '{Page.TrimEnd('\n')}\n' >/run/www/index.html
        [ -e /run/www/big ] || dd if=/dev/urandom of=/run/www/big bs=64k count=64 2>/dev/null
        echo 0 >/run/asked
        printf '#!/bin/sh\nn=$(($(cat /run/asked) + 1))\necho $n >/run/asked\necho $n\n' >/run/count
        echo {UdpEcho.Base64} | base64 -d >/run/udp-echo
        chmod +x /run/count /run/udp-echo
        httpd -p 80 -h /run/www
        nc -ll -p 81 -e /run/count </dev/null >/dev/null 2>&1 &
        nc -ll -p 82 -e cat </dev/null >/dev/null 2>&1 &
        /run/udp-echo </dev/null >/dev/null 2>&1 &
        for port in 80 81 82; do until netstat -ltn | grep -q ":$port "; do usleep 10000; done; done
        until netstat -lun | grep -q ':7 '; do usleep 10000; done
        """);

    /// <summary>The SHA-256 of "/big".</summary>
    public async Task<string> BigDigestAsync() => (await AskAsync("sha256sum </run/www/big")).Split(' ')[0];

    /// <summary>Fetches a page; gives what it says, or the error.</summary>
    public async Task<string> FetchAsync(string url) => (await RunAsync($"wget -q -O - {url} 2>&1")).TrimEnd('\n');

    /// <summary>Asks a server of <see cref="Network.Traffic"/>; gives the address it saw, or the error.</summary>
    public Task<string> AskAsync(string address, int port) => RunAsync($"echo | nc -w 5 {address} {port} 2>&1");

    /// <summary>The address of a name, as the guest's first name server says, or the error.</summary>
    public Task<string> ResolveAsync(string name) => RunAsync($"nslookup {name} 2>&1");

    private async Task<string> RunAsync(string script)
    {
        CommandResult result = await _commands.RunAsync(new GuestCommand { Script = script, Timeout = TimeSpan.FromSeconds(30) });
        return Encoding.UTF8.GetString(result.Output);
    }
}
