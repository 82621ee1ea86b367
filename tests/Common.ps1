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
    foreach ($name in 'run', 'data/vms', 'data/names', 'data/network/slots', 'data/network/ports') {
        Get-ChildItem (Join-Path $TestHome $name) -Recurse -Force -ErrorAction Ignore |
            Where-Object { -not $_.PSIsContainer -or $name -eq 'data/vms' } |
            Where-Object Name -NotIn '.last' |
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

function Get-NetworkObstacle {
    <# Why VMs with networks cannot be tried here; nothing when they can. #>
    if ((id -u) -ne '0') {
        return 'only root can make network namespaces'
    }

    foreach ($program in 'ip', 'nft') {
        if (-not (Get-Command $program -CommandType Application -ErrorAction Ignore)) {
            return "$program is not installed"
        }
    }

    if (-not (Test-Path /dev/net/tun)) {
        return 'there is no /dev/net/tun'
    }
}

function New-TestNetwork {
    <#
    Makes a host of its own for VMs with networks, so that this machine's network is neither used nor changed: two network namespaces, the host
    (203.0.113.2) and the world (203.0.113.1) it is connected to.
    #>
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
    param()

    # Those of runs that were killed.
    foreach ($name in (ip netns list) -replace ' .*' -match '^mvp-(\d+)-') {
        if (-not (Test-Path "/proc/$($name.Split('-')[1])")) {
            ip netns del $name
        }
    }

    $stem = "mvp-$PID-$([guid]::NewGuid().ToString('N').Substring(0, 6))"
    $network = [pscustomobject]@{ Host = "$stem-host"; World = "$stem-world" }
    try {
        $commands = @(
            "netns add $($network.Host)"
            "netns add $($network.World)"
            "-n $($network.Host) link set lo up"
            "-n $($network.World) link set lo up"
            "-n $($network.Host) link add eth0 type veth peer name eth0 netns $($network.World)"
            "-n $($network.Host) address add 203.0.113.2/24 dev eth0"
            "-n $($network.World) address add 203.0.113.1/24 dev eth0"
            "-n $($network.Host) link set eth0 up"
            "-n $($network.World) link set eth0 up"
            "-n $($network.Host) route add default via 203.0.113.1"
        )
        foreach ($command in $commands) {
            $said = ip $command.Split(' ') 2>&1
            if ($LASTEXITCODE) {
                throw "'ip $command' failed: $said"
            }
        }
    }
    catch {
        ip netns del $network.Host 2>$null
        ip netns del $network.World 2>$null
        throw
    }

    $network
}

function Remove-TestNetwork {
    <# Removes the VMs, there where they are, then the namespaces; fails if a link is left that no VM has. #>
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
    param([psobject] $Network)

    if (-not $Network) {
        return
    }

    try {
        Invoke-InTestNetwork $Network { Get-MicroVm | Remove-MicroVm -Force }
        # The kernel takes its time to remove what nobody holds any more.
        Wait-UntilTrue { -not @((ip -n $Network.Host -brief link) -match '^mv[mb]') }
    }
    finally {
        ip netns del $Network.Host
        ip netns del $Network.World
    }
}

function Invoke-InTestNetwork {
    <# Runs a script block in a pwsh of its own that has the test's host for its host; emits what it emits, by way of JSON. #>
    param([psobject] $Network, [scriptblock] $Script, [object[]] $ArgumentList = @())

    $directory = [System.IO.Directory]::CreateTempSubdirectory('mvp').FullName
    try {
        ConvertTo-Json @($ArgumentList) -Depth 3 | Set-Content "$directory/arguments"
        Set-Content "$directory/run.ps1" @"
`$ErrorActionPreference = 'Stop'
Import-Module '$manifest'
`$arguments = @(Get-Content '$directory/arguments' -Raw | ConvertFrom-Json)
@(& { $Script } @arguments) | ConvertTo-Json -Depth 5 -EnumsAsStrings -AsArray | Set-Content '$directory/emitted'
"@
        # The limit is far beyond what it takes.
        $said = timeout 180 ip netns exec $Network.Host ([Environment]::ProcessPath) -NoProfile -NonInteractive -File "$directory/run.ps1" 2>&1
        if ($LASTEXITCODE) {
            throw "It ended with exit code $LASTEXITCODE`: $($said -join "`n")"
        }

        if (Test-Path "$directory/emitted") {
            Get-Content "$directory/emitted" -Raw | ConvertFrom-Json
        }
    }
    finally {
        Remove-Item $directory -Recurse
    }
}
