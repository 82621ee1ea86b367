<#
.SYNOPSIS
The life of a microVM: create, run a command, count in the guest, save, suspend, clone, see the clones go on with the next number, remove. Uses a state directory of
its own and removes it afterwards.
#>
[CmdletBinding()]
param([ValidateRange(1, 100)] [int] $CloneCount = 2)

$ErrorActionPreference = 'Stop'
Import-Module (Join-Path $PSScriptRoot '../MicroVm.psd1')
$before = $env:MICROVM_HOME
$env:MICROVM_HOME = [System.IO.Directory]::CreateTempSubdirectory('mvm').FullName

function Show-Step([string] $Command) {
    "PS> $Command"
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $output = & ([scriptblock]::Create($Command))
    $time = "{0}# {1:0} ms{2}" -f $PSStyle.Foreground.BrightBlack, $watch.Elapsed.TotalMilliseconds, $PSStyle.Reset
    ($output | Out-String -Width 120).Trim("`n").Split("`n") | ForEach-Object TrimEnd
    $time
    ''
}

function Invoke-Count([string] $Name) {
    <# Types a command on the serial console of a guest that makes it count, and waits until it has come to three. #>
    $console = [System.Net.Sockets.Socket]::new('Unix', 'Stream', 'Unspecified')
    try {
        $console.Connect([System.Net.Sockets.UnixDomainSocketEndPoint]::new((Get-MicroVm $Name).SerialSocketPath))
        $line = 'i=0; while usleep 100000; do i=$((i+1)); echo tick $i; done &'
        $null = $console.Send([System.Text.Encoding]::ASCII.GetBytes("$line`n"))
        $null = Get-MicroVmLog $Name -Wait | Where-Object { $_ -match 'tick 3$' } | Select-Object -First 1
    }
    finally {
        $console.Dispose()
    }
}

try {
    Show-Step 'Test-MicroVmHost'
    Show-Step 'Install-MicroVmImage base'
    Show-Step 'New-MicroVm web -Wait'
    Show-Step "Invoke-MicroVmCommand web uname '-srm'"

    '# A shell in the guest counts from now on. The count is in its memory and nowhere else.'
    Invoke-Count web
    Show-Step 'Get-MicroVm web | Save-MicroVmSnapshot golden'
    Show-Step 'Suspend-MicroVm web'
    Show-Step "Restore-MicroVm golden -Count $CloneCount"

    '# Each clone goes on with the next number.'
    foreach ($number in 1..$CloneCount) {
        Show-Step "Get-MicroVmLog web-$number -Wait | Select-Object -First 3"
    }

    '# They have names, clocks and random numbers of their own.'
    Show-Step "Invoke-MicroVmCommand web-* -Script 'hostname; date; head -c 8 /dev/urandom | xxd -p'"
    Show-Step '(Get-MicroVm web-1).Fixups'

    '# The first VM goes on, too.'
    Show-Step 'Resume-MicroVm web'
    Show-Step 'Stop-MicroVm web'
    Show-Step 'Remove-MicroVm * -Force -PassThru'
}
finally {
    Get-MicroVm | Remove-MicroVm -Force
    Remove-Item $env:MICROVM_HOME -Recurse -Force
    $env:MICROVM_HOME = $before
}
