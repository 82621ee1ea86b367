<#
.SYNOPSIS
A suite that is run several times at once, each time with a machine of its own from one snapshot. See docs/pester.md and Invoke-Parallel.ps1.
#>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSReviewUnusedParameter', '', Justification = 'Pester runs the blocks elsewhere.')]
param([Parameter(Mandatory)] [string] $Role, [Parameter(Mandatory)] [guid] $SnapshotId)

BeforeAll {
    $vm = Restore-MicroVm -SnapshotId $SnapshotId -NewName "$Role-$([guid]::NewGuid().ToString('N').Substring(0, 8))" -Ephemeral
}

AfterAll {
    $vm | Remove-MicroVm -Force
}

Describe 'A <Role>' {
    It 'has a machine of its own' {
        $null = $vm | Invoke-MicroVmCommand -Script 'echo "$1" >/etc/role' -ArgumentList $Role
        ($vm | Invoke-MicroVmCommand -Script 'cat /etc/role; hostname').StandardOutput | Should -Be "$Role`n$($vm.Name)`n"
    }
}
