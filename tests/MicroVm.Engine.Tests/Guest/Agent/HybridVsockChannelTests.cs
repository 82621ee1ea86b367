using System.Net.Sockets;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Guest.Agent;

public sealed class HybridVsockChannelTests : IDisposable
{
    private const int Limit = 60_000;
    private const uint Port = 1234;

    private readonly Scratch _scratch = new();
    private readonly VsockServer _server;
    private readonly HybridVsockChannel _channel;

    public HybridVsockChannelTests()
    {
        _server = new VsockServer(_scratch.File("v.sock"));
        _channel = new HybridVsockChannel(_server.Path, Port);
    }

    public void Dispose()
    {
        _server.Dispose();
        _scratch.Dispose();
    }

    [Fact(Timeout = Limit)]
    public async Task What_the_guest_says_in_the_same_segment_belongs_to_the_stream()
    {
        Task<Stream> opening = _channel.OpenAsync(CancellationToken.None);
        using Socket client = await _server.AcceptAsync(Port);
        await client.SendAsync("OK 1073741824\nhello\n"u8.ToArray());

        await using Stream stream = await opening;
        byte[] first = new byte[6];
        await stream.ReadExactlyAsync(first);
        Assert.Equal("hello\n", Encoding.ASCII.GetString(first));
        await stream.WriteAsync("back"u8.ToArray());
        byte[] back = new byte[4];
        Assert.Equal(4, await client.ReceiveAsync(back));
    }

    [Theory(Timeout = Limit)]
    [InlineData("OK 0\n")]
    [InlineData("OK 4294967295\n")]
    public async Task Any_port_of_the_host_will_do_even_in_single_bytes(string answer)
    {
        Task<Stream> opening = _channel.OpenAsync(CancellationToken.None);
        using Socket client = await _server.AcceptAsync(Port);
        foreach (byte value in Encoding.ASCII.GetBytes(answer))
        {
            await client.SendAsync(new[] { value });
        }

        await (await opening).DisposeAsync();
    }

    [Fact(Timeout = Limit)]
    public async Task A_VMM_that_hangs_up_is_asked_again_until_the_guest_listens()
    {
        Task<Stream> opening = _channel.OpenAsync(CancellationToken.None);
        for (int i = 0; i < 10; i++)
        {
            (await _server.AcceptAsync(Port)).Dispose();
        }

        using (Socket abrupt = await _server.AcceptAsync(Port))
        {
            // Half an answer is none.
            await abrupt.SendAsync("OK 10"u8.ToArray());
        }

        Assert.False(opening.IsCompleted);
        using Socket client = await _server.AcceptAsync(Port);
        await client.SendAsync("OK 1073741824\n"u8.ToArray());
        await (await opening).DisposeAsync();
    }

    [Fact(Timeout = Limit)]
    public async Task A_guest_that_never_listens_is_asked_until_the_caller_has_waited_enough()
    {
        using CancellationTokenSource source = new();
        Task<Stream> opening = _channel.OpenAsync(source.Token);
        for (int i = 0; i < 5; i++)
        {
            (await _server.AcceptAsync(Port)).Dispose();
        }

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening);
    }

    [Fact(Timeout = Limit)]
    public async Task A_VMM_that_does_not_answer_can_be_given_up()
    {
        using CancellationTokenSource source = new();
        Task<Stream> opening = _channel.OpenAsync(source.Token);
        using Socket client = await _server.AcceptAsync(Port);

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening);
        Assert.Equal(0, await client.ReceiveAsync(new byte[1]));
    }

    [Fact(Timeout = Limit)]
    public async Task A_socket_that_is_not_there_or_refuses_is_a_VMM_that_is_gone()
    {
        await Assert.ThrowsAsync<IOException>(() => new HybridVsockChannel(_scratch.File("none"), Port).OpenAsync(CancellationToken.None));
        _server.Dispose();
        // The file of a socket that nobody listens on stays; .NET removes it.
        using (Socket bound = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            bound.Bind(new UnixDomainSocketEndPoint(_scratch.File("refusing")));
            await Assert.ThrowsAsync<IOException>(() => new HybridVsockChannel(_scratch.File("refusing"), Port).OpenAsync(CancellationToken.None));
        }

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => AgentConnection.OpenAsync(_channel, "web", Limits.Generous, CancellationToken.None));
        Assert.Equal(ErrorIds.GuestAgentUnavailable, error.ErrorId);
    }

    [Theory(Timeout = Limit)]
    [InlineData("NO\n")]
    [InlineData("OK\n")]
    [InlineData("OK x\n")]
    [InlineData("OK -1\n")]
    [InlineData("OK 4294967296\n")]
    [InlineData("ok 1\n")]
    [InlineData("\n")]
    [InlineData("OK 00000000000000000000000000000000000000000000000000000001\n")]
    public async Task A_wrong_answer_is_an_error_after_the_bound(string answer)
    {
        Task<Stream> opening = _channel.OpenAsync(CancellationToken.None);
        using Socket client = await _server.AcceptAsync(Port);
        await client.SendAsync(Encoding.ASCII.GetBytes(answer));

        await Assert.ThrowsAsync<IOException>(() => opening);
    }

    [RealAgentFact]
    public async Task A_real_agent_is_spoken_with_through_the_vsock()
    {
        string socket = _scratch.File("ga.sock");
        using TestProcess agent = TestProcess.Start(
            _scratch.File("ga.log"), "qemu-ga", "-m", "unix-listen", "-p", socket, "-t", _scratch.Path, "-f", _scratch.File("ga.pid"));
        using CancellationTokenSource done = new();
        // It hangs up on its clients until the agent listens.
        Task serving = Task.Run(() => _server.ServeAsync(Port, socket, done.Token));

        AgentExecStatus status = await new GuestAgent(_channel, _scratch.Path, "web").UseAsync(
            async connection =>
            {
                await connection.PingAsync(CancellationToken.None);
                return await new AgentProcess(null!, await connection.ExecuteAsync("/bin/sh", ["-c", "cat; exit 3"], "piped"u8.ToArray(), CancellationToken.None))
                    .WatchAsync(connection, CancellationToken.None);
            },
            CancellationToken.None);

        Assert.True(status.HasExited);
        Assert.Equal(3, status.ExitCode);
        Assert.Equal("piped", Encoding.ASCII.GetString(status.Output));
        await serving.Within("the client to hang up");
    }

    /// <summary>A test that runs the agent on this host.</summary>
    private sealed class RealAgentFactAttribute : FactAttribute
    {
        public RealAgentFactAttribute()
        {
            Skip = ProgramFinder.Find("qemu-ga") is null ? "qemu-ga (package qemu-guest-agent) is not installed." : null;
            Timeout = Limit;
        }
    }
}
