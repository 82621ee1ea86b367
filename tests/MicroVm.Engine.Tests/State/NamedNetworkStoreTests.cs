using MicroVm.Engine.Errors;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.State;

public sealed class NamedNetworkStoreTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly NamedNetworkStore _networks;

    public NamedNetworkStoreTests() => _networks = new NamedNetworkStore(_scratch.Paths);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Network_is_found_by_its_name_whatever_its_case()
    {
        NamedNetworkStore.Entry made = _networks.Create("Lan", "The shop, wäb.");

        Assert.Equal(made, _networks.Get("lAN"));
        Assert.Equal("Lan", made.Name);
        Assert.NotEqual(0U, made.Number);
        Assert.Equal(made, Assert.Single(_networks.All()));
    }

    [Fact]
    public void Networks_are_listed_in_the_order_of_their_names_and_have_numbers_of_their_own()
    {
        foreach (string name in (string[])["lan", "Dmz", "attic"])
        {
            _networks.Create(name, null);
        }

        Assert.Equal(["attic", "Dmz", "lan"], _networks.All().Select(network => network.Name));
        Assert.Equal(3, _networks.All().Select(network => network.Number).Distinct().Count());
    }

    [Fact]
    public void Name_is_given_once_however_many_ask_for_it()
    {
        int made = 0;
        Parallel.For(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            try
            {
                _networks.Create(i % 2 == 0 ? "lan" : "LAN", null);
                Interlocked.Increment(ref made);
            }
            catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.NetworkAlreadyExists)
            {
            }
        });

        Assert.Equal(1, made);
        Assert.Single(_networks.All());
    }

    [Fact]
    public void Removed_network_is_gone_and_its_name_free()
    {
        _networks.Create("lan", null);

        Assert.True(_networks.Delete("LAN"));

        Assert.False(_networks.Delete("lan"));
        Assert.Null(_networks.Find("lan"));
        _networks.Create("lan", null);
    }

    [Theory]
    [InlineData("nowhere")]
    [InlineData("../host")]
    [InlineData("")]
    public void Name_of_none_is_NetworkNotFound(string name)
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => _networks.Get(name));

        Assert.Equal(ErrorIds.NetworkNotFound, error.ErrorId);
        Assert.Equal(name, error.Target);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{ \"version\": 2, \"name\": \"lan\", \"number\": 1, \"createdAt\": \"2026-11-20T12:00:00+01:00\" }")]
    [InlineData("{ \"version\": 1, \"name\": \"lan\", \"number\": -1, \"createdAt\": \"2026-11-20T12:00:00+01:00\" }")]
    public void Damaged_file_is_StateCorrupt_and_named(string content)
    {
        _networks.Create("lan", null);
        string file = Path.Combine(_scratch.Paths.NetworksDirectory, "lan.json");
        File.WriteAllText(file, content);

        MicroVmException error = Assert.Throws<MicroVmException>(() => _networks.Get("lan"));

        Assert.Equal(ErrorIds.StateCorrupt, error.ErrorId);
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        Assert.Throws<MicroVmException>(() => _networks.All().ToArray());
    }
}
