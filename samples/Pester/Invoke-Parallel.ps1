<#
.SYNOPSIS
Runs Container.Tests.ps1 for several roles at once: one machine is booted and saved, each run restores a clone of its own. Ends with exit code 1 if a test failed.
#>
param(
    [ValidateNotNullOrEmpty()] [string[]] $Role = ('web', 'db', 'cache'),
    [ValidateRange(1, 64)] [int] $ThrottleLimit = [Environment]::ProcessorCount
)

$ErrorActionPreference = 'Stop'
$module = (Get-Module MicroVm).Path ?? (Join-Path $PSScriptRoot '../../MicroVm.psd1')
Import-Module $module
$origin = New-MicroVm -Ephemeral -Wait
$snapshot = $origin | Save-MicroVmSnapshot prepared
try {
    $origin | Remove-MicroVm -Force
    $results = $Role | ForEach-Object -ThrottleLimit $ThrottleLimit -Parallel {
        Import-Module $using:module
        Import-Module Pester -MinimumVersion 5.0 -MaximumVersion 5.999
        $configuration = New-PesterConfiguration
        $configuration.Run.Container = New-PesterContainer -Path "$using:PSScriptRoot/Container.Tests.ps1" -Data @{
            Role       = $_
            SnapshotId = ($using:snapshot).SnapshotId
        }
        $configuration.Run.PassThru = $true
        $configuration.Output.Verbosity = 'None'
        Invoke-Pester -Configuration $configuration
    }
}
finally {
    $snapshot | Remove-MicroVmSnapshot -Force
}

foreach ($test in $results.Tests) {
    '{0,-7} {1}  {2:0} ms' -f $test.Result, $test.ExpandedPath, $test.Duration.TotalMilliseconds
}

exit [int](@($results.Tests | Where-Object Result -NE 'Passed').Count -gt 0 -or @($results.Tests).Count -ne $Role.Count)
