<#
.SYNOPSIS
Creates, suspends, saves, clones and removes VMs, round after round, and fails as soon as a round leaves anything behind.
#>
[CmdletBinding()]
param(
    [ValidateRange(1, 100000)] [int] $Rounds = 100,
    [ValidateRange(1, 100)] [int] $CloneCount = 3
)

. (Join-Path $PSScriptRoot 'Common.ps1')

function Get-DescriptorCount {
    @(Get-ChildItem "/proc/$PID/fd").Count
}

New-TestHome -WithImage
try {
    $null = New-MicroVm source -Wait | Save-MicroVmSnapshot golden
    Remove-MicroVm source -Force
    $restores = [System.Collections.Generic.List[double]]::new()
    $descriptors = 0
    foreach ($round in 1..$Rounds) {
        $watch = [System.Diagnostics.Stopwatch]::StartNew()
        $clones = Restore-MicroVm golden -Count $CloneCount
        $restores.Add($watch.Elapsed.TotalMilliseconds / $CloneCount)
        $clones[0] | Suspend-MicroVm | Save-MicroVmSnapshot next | Remove-MicroVmSnapshot -Confirm:$false
        $clones | Remove-MicroVm -Force

        $leftovers = @(Get-Leftover $env:MICROVM_HOME)
        if ($leftovers) {
            throw "Round $round left behind:`n$($leftovers -join "`n")"
        }

        # The first rounds open what stays open: assemblies, the runtime's own descriptors.
        if ($round -eq [Math]::Min(10, $Rounds)) {
            $descriptors = Get-DescriptorCount
        }
    }

    $growth = (Get-DescriptorCount) - $descriptors
    if ($growth -gt 5) {
        throw "$growth descriptors leaked in $Rounds rounds."
    }

    $sorted = $restores | Sort-Object
    [pscustomobject]@{
        Rounds          = $Rounds
        Restores        = $Rounds * $CloneCount
        RestoreMedianMs = [Math]::Round($sorted[[int][Math]::Floor($sorted.Count / 2)], 1)
        RestoreWorstMs  = [Math]::Round($sorted[-1], 1)
        DescriptorGrowth = $growth
    }
}
finally {
    Remove-TestHome
}
