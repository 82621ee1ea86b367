# Writes what the first and the second New-MicroVm of this process take, in milliseconds.
param([string] $Module)

$ErrorActionPreference = 'Stop'
Import-Module $Module
$times = foreach ($name in "first-$PID", "second-$PID") {
    $start = [Diagnostics.Stopwatch]::GetTimestamp()
    $null = New-MicroVm $name
    [Diagnostics.Stopwatch]::GetElapsedTime($start).TotalMilliseconds
}

Remove-MicroVm "first-$PID", "second-$PID" -Force
$times.ForEach({ $_.ToString([cultureinfo]::InvariantCulture) })
