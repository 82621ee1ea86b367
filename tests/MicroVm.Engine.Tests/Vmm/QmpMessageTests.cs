using System.Text.Json;
using System.Text;
using MicroVm.Engine.Vmm.Qemu;

namespace MicroVm.Engine.Tests.Vmm;

public sealed class QmpMessageTests
{
    private const string Greeting =
        """{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian 1:7.2+dfsg-7"}, "capabilities": ["oob"]}}""";

    private static readonly string[] s_corpus =
    [
        Greeting,
        """{"return": {}, "id": 1}""",
        """{"return": {"status": "running", "singlestep": false, "running": true}, "id": 4711}""",
        """{"id": 3, "error": {"class": "GenericError", "desc": "Device 'x' not found"}}""",
        """{"error": {"class": "GenericError", "desc": "JSON parse error, \u00fc\ud83d\ude00"}}""",
        """{"timestamp": {"seconds": 1732138291, "microseconds": 123456}, "event": "MIGRATION", "data": {"status": "completed"}}""",
        """{"timestamp": {"seconds": 1732138291, "microseconds": 123456}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}""",
        """{"return": [{"name": "a", "values": [1, 2.5, -3e7, null, true]}], "id": 9223372036854775807}""",
    ];

    [Fact]
    public void Greeting_names_the_version() => Assert.Equal("7.2.22", Parse(Greeting).GreetingVersion);

    [Fact]
    public void Answer_has_its_number_and_value()
    {
        QmpMessage message = Parse("""{"return": {"status": "paused"}, "id": 12}""");

        Assert.Equal(12, message.Id);
        Assert.Equal("paused", message.Return.GetProperty("status").GetString());
        Assert.Null(message.Error);
    }

    [Fact]
    public void Error_has_its_number_and_description()
    {
        QmpMessage message = Parse("""{"id": 3, "error": {"class": "GenericError", "desc": "Not found"}}""");

        Assert.Equal(3, message.Id);
        Assert.Equal("Not found", message.Error);
    }

    [Fact]
    public void Complaint_about_unreadable_input_has_no_number() =>
        Assert.Null(Parse("""{"error": {"class": "GenericError", "desc": "JSON parse error"}}""").Id);

    [Fact]
    public void Event_has_its_name_and_data()
    {
        QmpMessage message = Parse(s_corpus[5]);

        Assert.Equal("MIGRATION", message.Event);
        Assert.Equal("completed", message.Data.GetProperty("status").GetString());
    }

    [Fact]
    public void Event_may_lack_data() => Assert.Equal(JsonValueKind.Undefined, Parse("""{"event": "RESUME", "timestamp": {}}""").Data.ValueKind);

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("[]")]
    [InlineData("\"QMP\"")]
    [InlineData("{}")]
    [InlineData("{\"return\":{}")]
    [InlineData("{\"return\":{},\"id\":\"1\"}")]
    [InlineData("{\"return\":{},\"id\":1.5}")]
    [InlineData("{\"return\":{},\"id\":99999999999999999999}")]
    [InlineData("{\"error\":\"text\",\"id\":1}")]
    [InlineData("{\"error\":{},\"id\":1}")]
    [InlineData("{\"event\":5}")]
    [InlineData("{\"event\":null}")]
    [InlineData("{\"QMP\":{}}")]
    [InlineData("{\"QMP\":{\"version\":{\"qemu\":{\"major\":\"7\",\"minor\":2,\"micro\":0}}}}")]
    [InlineData("{\"error\":{\"desc\":\"\\ud800\"},\"id\":1}")]
    [InlineData("{\"event\":\"\\udc00\"}")]
    [InlineData("{\"\\ud800\":1}")]
    public void What_is_no_message_is_a_format_error(string text) => Assert.Throws<FormatException>(() => Parse(text));

    [Fact]
    public void Deep_nesting_is_a_format_error() =>
        Assert.Throws<FormatException>(() => Parse("{\"return\":" + new string('[', 100_000) + new string(']', 100_000) + "}"));

    [Fact]
    public void Mutations_of_true_messages_are_read_or_are_format_errors()
    {
        Random random = new(20261120);
        byte[][] corpus = [.. s_corpus.Select(Encoding.UTF8.GetBytes)];
        int refused = 0;
        for (int round = 0; round < 40_000; round++)
        {
            byte[] message = Mutate(corpus, random);
            if (!IsRead(message))
            {
                refused++;
            }
        }

        Assert.InRange(refused, 10_000, 39_999);
    }

    [Fact]
    public void Random_bytes_are_format_errors()
    {
        Random random = new(7);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] message = new byte[random.Next(200)];
            random.NextBytes(message);
            Assert.False(IsRead(message));
        }
    }

    private static bool IsRead(byte[] message)
    {
        try
        {
            QmpMessage.Parse(message);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
        catch (Exception exception)
        {
            Assert.Fail($"{exception.GetType()} for {Convert.ToHexString(message)}: {exception.Message}");
            throw;
        }
    }

    private static byte[] Mutate(byte[][] corpus, Random random)
    {
        List<byte> message = [.. corpus[random.Next(corpus.Length)]];
        for (int changes = random.Next(1, 5); changes > 0 && message.Count > 0; changes--)
        {
            int at = random.Next(message.Count);
            switch (random.Next(6))
            {
                case 0:
                    message[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    message.RemoveAt(at);
                    break;
                case 2:
                    message.Insert(at, (byte)random.Next(256));
                    break;
                case 3:
                    message.RemoveRange(at, Math.Min(random.Next(12), message.Count - at));
                    break;
                case 4:
                    byte[] other = corpus[random.Next(corpus.Length)];
                    message.InsertRange(at, other.Skip(random.Next(other.Length)).Take(random.Next(30)));
                    break;
                default:
                    // Other values of the same shape, which is where conversions fail.
                    message[at] = (byte)"0123456789-.eE\"{}[]:,ntf\\u"[random.Next(26)];
                    break;
            }
        }

        return [.. message];
    }

    private static QmpMessage Parse(string text) => QmpMessage.Parse(Encoding.UTF8.GetBytes(text));
}
