using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Snapshots;

/// <summary>This process stands in for a VMM: it maps a file and writes to the mapping.</summary>
public sealed partial class GuestMemoryTests : IDisposable
{
    private const int Page = 4096;
    private const int Bytes = 16 << 20;
    private const int ReadWrite = 3;
    private const int Shared = 1;
    private const int Private = 2;

    private readonly Scratch _scratch = new();
    private readonly List<Mapping> _mappings = [];

    public void Dispose()
    {
        _mappings.ForEach(mapping => Assert.Equal(0, Unmap(mapping.Address, (nuint)mapping.Length)));
        _scratch.Dispose();
    }

    [Theory]
    [InlineData(Shared)]
    [InlineData(Private)]
    public async Task Copy_is_what_the_mapping_shows(int kind)
    {
        using SafeFileHandle file = MakeFile("memory");
        Mapping memory = Map(file, 0, Bytes, kind);
        WriteSomePages(memory.Bytes, seed: 1);
        GuestMemory guest = Open(file);
        Assert.Equal(kind == Shared, guest.IsShared);

        await guest.CopyBaseAsync(_scratch.File("copy"), CancellationToken.None);
        // The guest runs on until it is paused.
        WriteSomePages(memory.Bytes, seed: 2);
        memory.Bytes[0] = 0;
        await guest.CopyChangesAsync(_scratch.File("copy"), CancellationToken.None);

        AssertSame(memory.Bytes, File.ReadAllBytes(_scratch.File("copy")));
    }

    [Fact]
    public async Task Private_pages_never_reach_the_file_below()
    {
        using SafeFileHandle file = MakeFile("memory");
        byte[] before = File.ReadAllBytes(_scratch.File("memory"));
        Mapping memory = Map(file, 0, Bytes, Private);
        WriteSomePages(memory.Bytes, seed: 3);
        GuestMemory guest = Open(file);

        await guest.CopyBaseAsync(_scratch.File("copy"), CancellationToken.None);
        await guest.CopyChangesAsync(_scratch.File("copy"), CancellationToken.None);

        AssertSame(before, File.ReadAllBytes(_scratch.File("memory")));
        AssertSame(memory.Bytes, File.ReadAllBytes(_scratch.File("copy")));
    }

    [Fact]
    public async Task Page_that_was_made_zero_is_copied_as_zero()
    {
        using SafeFileHandle file = MakeFile("memory");
        Mapping memory = Map(file, 0, Bytes, Private);
        memory.Bytes.Clear();
        GuestMemory guest = Open(file);

        await guest.CopyBaseAsync(_scratch.File("copy"), CancellationToken.None);
        await guest.CopyChangesAsync(_scratch.File("copy"), CancellationToken.None);

        Assert.False(File.ReadAllBytes(_scratch.File("copy")).AsSpan().ContainsAnyExcept((byte)0));
    }

    [Fact]
    public async Task Memory_in_several_mappings_is_put_in_its_places()
    {
        const int Half = Bytes / 2;
        using SafeFileHandle file = MakeFile("memory");
        // The upper half first, and a hole between them, as below and above 4 GiB.
        Mapping upper = Map(file, Half, Half, Private);
        Mapping lower = Map(file, 0, Half, Private);
        WriteSomePages(upper.Bytes, seed: 4);
        WriteSomePages(lower.Bytes, seed: 5);
        GuestMemory guest = Open(file);

        await guest.CopyBaseAsync(_scratch.File("copy"), CancellationToken.None);
        await guest.CopyChangesAsync(_scratch.File("copy"), CancellationToken.None);

        byte[] copy = File.ReadAllBytes(_scratch.File("copy"));
        AssertSame(lower.Bytes, copy.AsSpan(0, Half));
        AssertSame(upper.Bytes, copy.AsSpan(Half));
    }

    [Fact]
    public async Task File_whose_name_is_gone_is_found_through_its_descriptor()
    {
        using SafeFileHandle file = MakeFile("with two  spaces (deleted)");
        Mapping memory = Map(file, 0, Bytes, Private);
        WriteSomePages(memory.Bytes, seed: 6);
        File.Delete(_scratch.File("with two  spaces (deleted)"));
        GuestMemory guest = Open(file);

        await guest.CopyBaseAsync(_scratch.File("copy"), CancellationToken.None);
        await guest.CopyChangesAsync(_scratch.File("copy"), CancellationToken.None);

        AssertSame(memory.Bytes, File.ReadAllBytes(_scratch.File("copy")));
    }

    [Fact]
    public async Task File_in_memory_is_copied()
    {
        using SafeFileHandle file = Descriptors.CreateMemoryFile("test-ram", Bytes);
        Mapping memory = Map(file, 0, Bytes, Shared);
        WriteSomePages(memory.Bytes, seed: 7);
        GuestMemory guest = Open(file);

        await guest.CopyBaseAsync(_scratch.File("copy"), CancellationToken.None);
        await guest.CopyChangesAsync(_scratch.File("copy"), CancellationToken.None);

        AssertSame(memory.Bytes, File.ReadAllBytes(_scratch.File("copy")));
        Assert.True(FileUsage.AllocatedBytes(_scratch.File("copy")) < Bytes / 2);
    }

    [Fact]
    public void File_that_is_not_mapped_is_no_memory()
    {
        using SafeFileHandle file = MakeFile("memory");

        Assert.Throws<IOException>(() => Open(file));
        Assert.Throws<IOException>(() => GuestMemory.Open(Environment.ProcessId, 1_000_000));
    }

    private static GuestMemory Open(SafeFileHandle file) => GuestMemory.Open(Environment.ProcessId, (int)file.DangerousGetHandle());

    private static void WriteSomePages(Span<byte> memory, int seed)
    {
        Random random = new(seed);
        for (int i = 0; i < 200; i++)
        {
            // Single pages and runs, some across the 1 MiB at a time that are looked at.
            int first = random.Next(memory.Length / Page);
            int pages = Math.Min(random.Next(1, 8), (memory.Length / Page) - first);
            random.NextBytes(memory.Slice(first * Page, pages * Page));
        }

        memory[^1] = (byte)seed;
        memory.Slice((1 << 20) - 1, 2).Fill((byte)seed);
    }

    private static void AssertSame(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        int difference = expected.CommonPrefixLength(actual);
        Assert.True(difference == expected.Length, $"The first difference is at {difference:x}.");
    }

    private SafeFileHandle MakeFile(string name)
    {
        byte[] content = new byte[Bytes];
        new Random(0).NextBytes(content.AsSpan(0, Bytes / 4));
        File.WriteAllBytes(_scratch.File(name), content);
        return File.OpenHandle(_scratch.File(name), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
    }

    private Mapping Map(SafeFileHandle file, int offset, int length, int kind)
    {
        nint address = MMap(0, (nuint)length, ReadWrite, kind, file, offset);
        Assert.NotEqual(-1, address);
        Mapping mapping = new(address, length);
        _mappings.Add(mapping);
        return mapping;
    }

    private sealed record Mapping(nint Address, int Length)
    {
        public unsafe Span<byte> Bytes => new((void*)Address, Length);
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MMap(nint address, nuint length, int protection, int flags, SafeFileHandle file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint address, nuint length);
}
