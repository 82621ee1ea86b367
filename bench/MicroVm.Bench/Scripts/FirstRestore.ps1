# Writes what the first Restore-MicroVm of this process takes, in milliseconds.
param([string] $Module, [string] $VMName, [string] $Snapshot)

$ErrorActionPreference = 'Stop'
Import-Module $Module
$start = [Diagnostics.Stopwatch]::GetTimestamp()
$null = Restore-MicroVm $Snapshot -VMName $VMName -NewName "first-$PID" -NoFixup
$time = [Diagnostics.Stopwatch]::GetElapsedTime($start).TotalMilliseconds
Remove-MicroVm "first-$PID" -Force
$time.ToString([cultureinfo]::InvariantCulture)
