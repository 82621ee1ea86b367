using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Tests.Support;
using MicroVm.Engine.Vmm.Qemu;

namespace MicroVm.Engine.Tests.Vmm;

public sealed class QemuSnapshotTests : IDisposable
{
    private const int Limit = 30_000;

    private readonly Scratch _scratch = new();
    private readonly FakeQmpServer _server;

    public QemuSnapshotTests() => _server = new FakeQmpServer(_scratch.File("qmp"));

    public void Dispose()
    {
        _server.Dispose();
        _scratch.Dispose();
    }

    [Theory(Timeout = Limit)]
    [InlineData(7, 2)]
    [InlineData(8, 1)]
    public async Task Older_release_reads_the_state_from_a_descriptor(int major, int minor)
    {
        await using QemuApi api = await ConnectAsync(major, minor);
        Task load = LoadAsync(api);

        await AnswerAsync("migrate-set-capabilities");
        await AnswerAsync("migrate-set-parameters");
        FakeQmpServer.Command given = await AnswerAsync("getfd");
        FakeQmpServer.Command incoming = await AnswerAsync("migrate-incoming");
        await MigrationAsync("completed");

        await load;
        Assert.Equal("fd:" + given.Arguments!.Value.GetProperty("fdname").GetString(), incoming.Arguments!.Value.GetProperty("uri").GetString());
    }

    [Theory(Timeout = Limit)]
    [InlineData(8, 2)]
    [InlineData(10, 0)]
    [InlineData(11, 1)]
    public async Task Newer_release_reads_the_state_from_a_file_and_is_not_left_with_it(int major, int minor)
    {
        await using QemuApi api = await ConnectAsync(major, minor);
        Task load = LoadAsync(api);

        await AnswerAsync("migrate-set-capabilities");
        await AnswerAsync("migrate-set-parameters");
        await AnswerAsync("add-fd", """{"fdset-id": 5, "fd": 12}""");
        FakeQmpServer.Command incoming = await AnswerAsync("migrate-incoming");
        FakeQmpServer.Command removed = await AnswerAsync("remove-fd");
        await MigrationAsync("completed");

        await load;
        Assert.Equal("file:/dev/fdset/5", incoming.Arguments!.Value.GetProperty("uri").GetString());
        Assert.Equal(5, removed.Arguments!.Value.GetProperty("fdset-id").GetInt32());
    }

    [Fact(Timeout = Limit)]
    public async Task State_that_ends_QEMU_is_incompatible_whichever_answer_is_missing()
    {
        await using QemuApi api = await ConnectAsync(11, 1);
        Task load = LoadAsync(api);

        await AnswerAsync("migrate-set-capabilities");
        await AnswerAsync("migrate-set-parameters");
        await AnswerAsync("add-fd", """{"fdset-id": 0, "fd": 12}""");
        await AnswerAsync("migrate-incoming");
        _server.HangUp();

        Assert.Equal(ErrorIds.SnapshotIncompatible, (await Assert.ThrowsAsync<MicroVmException>(() => load)).ErrorId);
    }

    private async Task<QemuApi> ConnectAsync(int major, int minor)
    {
        Task<QemuApi> connecting = QemuApi.ConnectAsync(_server.Path, Limits.Generous, CancellationToken.None);
        await _server.WelcomeAsync(
            $$"""{ "QMP": { "version": { "qemu": { "major": {{major}}, "minor": {{minor}}, "micro": 0 }, "package": "" }, "capabilities": [] } }""" + "\r\n");
        return await connecting;
    }

    private async Task LoadAsync(QemuApi api)
    {
        using SafeFileHandle file = File.OpenHandle(_scratch.File("state"), FileMode.CreateNew, FileAccess.ReadWrite);
        await QemuSnapshot.LoadAsync(api, file, CancellationToken.None);
    }

    private async Task<FakeQmpServer.Command> AnswerAsync(string name, string value = "{}")
    {
        FakeQmpServer.Command command = await _server.ReceiveAsync();
        Assert.Equal(name, command.Name);
        await _server.AnswerAsync(command.Id, value);
        return command;
    }

    private Task MigrationAsync(string status) =>
        _server.SendAsync($$"""{"event": "MIGRATION", "data": {"status": "{{status}}" }, "timestamp": {} }""" + "\r\n");
}
