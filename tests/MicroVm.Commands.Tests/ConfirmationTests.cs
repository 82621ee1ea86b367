using System.Management.Automation;
using Xunit;

namespace MicroVm.Commands.Tests;

/// <summary>The shell's host cannot prompt, so a cmdlet that asks fails.</summary>
public class ConfirmationTests
{
    [PwshTheory]
    [InlineData("", true)]
    [InlineData("-Impact High", null)]
    [InlineData("-Impact High -Confirm:$false", true)]
    [InlineData("-Impact High -Force", true)]
    [InlineData("-Impact High -Force -Confirm", null)]
    [InlineData("-Force -Confirm", null)]
    [InlineData("-Confirm", null)]
    [InlineData("-WhatIf", false)]
    [InlineData("-Force -WhatIf", false)]
    [InlineData("-Impact High -Force -WhatIf", false)]
    public void Confirmation_follows_the_impact_and_the_switches(string arguments, bool? acts) => Check(string.Empty, arguments, acts);

    [PwshTheory]
    [InlineData("$ConfirmPreference = 'None';", "-Impact High", true)]
    [InlineData("$ConfirmPreference = 'Medium';", "-Impact Medium", null)]
    [InlineData("$ConfirmPreference = 'Medium';", "-Impact Low", true)]
    [InlineData("$ConfirmPreference = 'Low';", "-Force", true)]
    [InlineData("$WhatIfPreference = $true;", "-Force", false)]
    [InlineData("$WhatIfPreference = $true;", "-WhatIf:$false", true)]
    public void Confirmation_follows_the_preferences(string preference, string arguments, bool? acts) => Check(preference, arguments, acts);

    private static void Check(string preference, string arguments, bool? acts)
    {
        using Shell shell = new();
        bool acted = false;
        PowerShell pipeline = shell.Operation($"{preference} Invoke-FakeOperation $operation {arguments}", (_, _, _) =>
        {
            acted = true;
            return Task.FromResult("done");
        });

        pipeline.Invoke();

        bool asked = pipeline.Streams.Error.Any(error => error.Exception is System.Management.Automation.Host.HostException);
        Assert.Equal(acts is null, asked);
        Assert.Equal(acts ?? false, acted);
    }
}
