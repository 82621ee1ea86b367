<#
.SYNOPSIS
What the test files share. Each dot-sources it in BeforeAll, makes a home there, and removes it in AfterAll.
#>
$manifest = Join-Path $PSScriptRoot '../MicroVm.psd1'
Import-Module $manifest
$ErrorActionPreference = 'Stop'

# Tests of the keeper switch it on.
$env:MICROVM_KEEPER = 'Off'

function New-TestHome {
    <# Makes an empty MICROVM_HOME; with -WithImage the base image is in it. #>
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
    param([switch] $WithImage)

    # Short, because the paths of sockets have to be.
    $env:MICROVM_HOME = [System.IO.Directory]::CreateTempSubdirectory('mvm').FullName
    if ($WithImage) {
        Copy-TestImage
    }
}

function Copy-TestImage {
    $here = Join-Path $env:MICROVM_HOME 'data/images'
    $shared = "$env:MICROVM_TEST_IMAGES" ? (Join-Path $env:MICROVM_TEST_IMAGES 'images') : $null
    if ($shared -and (Test-Path $shared)) {
        $null = New-Item (Split-Path $here) -ItemType Directory -Force
        Copy-Item $shared $here -Recurse
        return
    }

    $null = Install-MicroVmImage base
    if ($shared) {
        Copy-Item $here $shared -Recurse
    }
}

function Remove-TestHome {
    <# Removes the VMs and the home, and fails if anything is left of them. #>
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
    param()

    $testHome = $env:MICROVM_HOME
    try {
        Get-MicroVm | Remove-MicroVm -Force
        $leftovers = @(Get-Leftover $testHome)
    }
    finally {
        Remove-Item $testHome -Recurse -Force
        $env:MICROVM_HOME = $null
    }

    if ($leftovers) {
        throw "Left behind:`n$($leftovers -join "`n")"
    }
}

function Get-Leftover {
    <# What VMs that are gone should not have left: processes, mounts, sockets, directories, claims. #>
    param([string] $TestHome)

    foreach ($directory in Get-ChildItem /proc -Directory | Where-Object { $_.Name -match '^\d+$' -and $_.Name -ne $PID }) {
        $commandLine = Get-Content "$directory/cmdline" -Raw -ErrorAction Ignore
        if ($commandLine -and $commandLine.Contains($TestHome)) {
            "process $($directory.Name): $($commandLine -replace "`0", ' ')"
        }
    }

    Get-Content /proc/self/mountinfo | Where-Object { $_.Contains($TestHome) }
    foreach ($name in 'run', 'data/vms', 'data/names') {
        Get-ChildItem (Join-Path $TestHome $name) -Recurse -Force -ErrorAction Ignore |
            Where-Object { -not $_.PSIsContainer -or $name -eq 'data/vms' } |
            Where-Object Name -NotLike '*.lock' |
            ForEach-Object FullName
    }
}

function New-UnknownName {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
    param()

    "nobody-$([guid]::NewGuid().ToString('N').Substring(0, 8))"
}

function Wait-UntilTrue {
    <# Waits for a condition, at most a minute. #>
    param([scriptblock] $Condition)

    $deadline = [datetime]::UtcNow.AddMinutes(1)
    while (-not (& $Condition)) {
        if ([datetime]::UtcNow -gt $deadline) {
            throw "Not true within a minute: $Condition"
        }

        Start-Sleep -Milliseconds 20
    }
}

function Get-Completion {
    <# What the tab key offers, once it is that many: a completer gives up early, and this machine may be busy. #>
    param([string] $Text, [int] $Count = 1)

    $deadline = [datetime]::UtcNow.AddMinutes(1)
    do {
        $offered = (TabExpansion2 $Text).CompletionMatches
    } until ($offered.Count -ge $Count -or [datetime]::UtcNow -gt $deadline)

    $offered.CompletionText
}
