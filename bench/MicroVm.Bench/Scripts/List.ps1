# Writes pairs of numbers: what Get-MicroVm takes, and what reading its files takes, in milliseconds. The first pair is the warm-up.
param([string] $Module, [int] $Rounds)

$ErrorActionPreference = 'Stop'
Import-Module $Module
$files = [IO.Directory]::GetFiles("$env:MICROVM_HOME/data/vms", 'vm.json', 'AllDirectories')
for ($round = 0; $round -le $Rounds; $round++) {
    $start = [Diagnostics.Stopwatch]::GetTimestamp()
    $machines = Get-MicroVm
    [Diagnostics.Stopwatch]::GetElapsedTime($start).TotalMilliseconds.ToString([cultureinfo]::InvariantCulture)
    if ($machines.Count -ne $files.Count) {
        throw "$($machines.Count) VMs in $($files.Count) files."
    }

    $start = [Diagnostics.Stopwatch]::GetTimestamp()
    foreach ($file in $files) {
        $null = [IO.File]::ReadAllText($file)
    }

    [Diagnostics.Stopwatch]::GetElapsedTime($start).TotalMilliseconds.ToString([cultureinfo]::InvariantCulture)
}
