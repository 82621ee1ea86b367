using MicroVm.Engine.Vmm;
using MicroVm.Engine.Vmm.Qemu;

namespace MicroVm.Engine.Tests.Support;

/// <summary>QEMU's driver with another program in QEMU's place.</summary>
internal sealed class StubVmm(string program) : IVmmDriver
{
    private readonly QemuDriver _qemu = new();

    public HypervisorKind Kind => _qemu.Kind;

    public VmmCapabilities Capabilities => _qemu.Capabilities;

    public string FindProgram(string? path) => path ?? program;

    public Task<string> ProbeVersionAsync(string asked, CancellationToken cancellationToken) => Task.FromResult("9.2.1");

    public string SerialSocketIn(string runDirectory) => _qemu.SerialSocketIn(runDirectory);

    public VmmAgentEndpoint AgentEndpointIn(string runDirectory) => _qemu.AgentEndpointIn(runDirectory);

    public VmmCommand Prepare(VmmMachine machine) => QemuLaunch.Compose(machine.Program, machine);

    public Task<IVmmConnection> ConnectAsync(string runDirectory, CancellationToken cancellationToken) => _qemu.ConnectAsync(runDirectory, cancellationToken);

    /// <summary>Writes a program.</summary>
    public static string Write(Scratch scratch, string script)
    {
        string path = scratch.File("stub-vmm");
        File.WriteAllText(path, script);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    /// <summary>
    /// A small QEMU: it takes one client after the other on descriptor 3, insists on the order and the form of the protocol, and ends when it is told to.
    /// </summary>
    public const string WellBehaved = """
        #!/usr/bin/perl
        use strict;
        use warnings;
        open(my $listener, '+<&=', 3) or die "no descriptor 3: $!";
        my $paused = 0;
        while (accept(my $client, $listener)) {
            select((select($client), $| = 1)[0]);
            print $client qq({"QMP": {"version": {"qemu": {"micro": 1, "minor": 2, "major": 9}, "package": ""}, "capabilities": []}}\r\n);
            my ($buffer, $ready) = ('', 0);
            while (sysread($client, $buffer, 4096, length $buffer)) {
                while ($buffer =~ s/^\{"execute":"([a-z_-]+)","id":(\d+)(,"arguments":\{.*?\})?\}//) {
                    my ($command, $id) = ($1, $2);
                    if ($command eq 'qmp_capabilities') {
                        $ready = 1;
                    } elsif (!$ready) {
                        die "$command came before qmp_capabilities";
                    }
                    my $value = '{}';
                    if ($command eq 'query-status') {
                        $value = $paused ? '{"status": "paused"}' : '{"status": "running"}';
                    } elsif ($command eq 'stop') {
                        $paused = 1;
                    } elsif ($command eq 'cont') {
                        $paused = 0;
                    } elsif ($command ne 'qmp_capabilities' && $command ne 'quit' && $command ne 'system_powerdown') {
                        print $client qq({"id": $id, "error": {"class": "CommandNotFound", "desc": "The command $command has not been found"}}\r\n);
                        next;
                    }
                    print $client qq({"return": $value, "id": $id}\r\n);
                    exit 0 if $command eq 'quit' || $command eq 'system_powerdown';
                }
                die "no command: $buffer" if $buffer !~ /^(\{|$)/;
            }
        }
        """;
}
