#!/usr/bin/env pwsh
<#
.SYNOPSIS
Builds, tests, measures and packages MicroVm.

.DESCRIPTION
Build needs the .NET 10 SDK alone. Test needs Pester 5 besides, Docs needs Microsoft.PowerShell.PlatyPS.

.PARAMETER Task
Build    publishes the module's assemblies into module/bin, from where MicroVm.psd1 can be imported.
Test     builds, then runs every suite; -Suite picks some.
Bench    builds, then runs the benchmarks.
Docs     builds, then makes the command help in en-US from docs/en-US.
Package  builds, then puts what users need into artifacts/package and a zip file.
Demo     builds, then shows the life of a VM.
Soak     builds, then runs what takes long: many boots, creations and removals, -Rounds rounds of clones, looking for leaks, and a random walk of
         -Steps steps by several shells that are killed now and then.

.EXAMPLE
./build.ps1 Build, Test
#>
[CmdletBinding()]
param(
    [Parameter(Position = 0)]
    [ValidateSet('Build', 'Test', 'Bench', 'Docs', 'Package', 'Demo', 'Soak')]
    [string[]] $Task = 'Build',

    # Names of test suites: "Pester", or those of test projects; all without it.
    [SupportsWildcards()]
    [string[]] $Suite = '*',

    # Paths of Pester files to run instead of all.
    [string[]] $PesterPath = (Join-Path $PSScriptRoot 'tests'),

    # Rounds of the soak test.
    [ValidateRange(1, 100000)]
    [int] $Rounds = 100,

    # Steps of the soak test's random walk.
    [ValidateRange(1, 1000000)]
    [int] $Steps = 1000,

    # Passed on to the benchmarks.
    [string[]] $BenchArgument = @()
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$root = $PSScriptRoot
$manifest = Join-Path $root 'MicroVm.psd1'
$binaries = Join-Path $root 'module/bin'
$artifacts = Join-Path $root 'artifacts'

function Invoke-Tool {
    <# Runs a program and fails when it fails. #>
    param([string] $Name, [string[]] $ArgumentList)

    & $Name @ArgumentList
    if ($LASTEXITCODE -ne 0) {
        throw "'$Name $ArgumentList' ended with exit code $LASTEXITCODE."
    }
}

function Invoke-Build {
    $project = Join-Path $root 'src/MicroVm.Commands'
    $architecture = [System.Runtime.InteropServices.RuntimeInformation]::OSArchitecture.ToString().ToLowerInvariant()
    $native = @(
        '-r', "linux-$architecture", '-p:PublishReadyToRun=true', '-p:SelfContained=false'
        # What cmdlets inherit from: without it none of theirs could be compiled. The code stays valid with other versions of it.
        "-p:PublishReadyToRunCrossgen2ExtraArgs=-r:$PSHOME/System.Management.Automation.dll"
    )
    $common = @('-nologo', '-v', 'quiet', '-tl:off')

    # ReadyToRun code spares the first cmdlet most of its compile time, but its compiler is a package of its own.
    dotnet restore $project @native @common | Out-Null
    if ($LASTEXITCODE -ne 0) {
        Write-Information 'The ReadyToRun compiler cannot be restored: building without it; the first cmdlet will start slower.' -InformationAction Continue
        $native = @()
    }

    # New files, never the old ones overwritten: another pwsh may have them mapped.
    if (Test-Path $binaries) {
        Remove-Item $binaries -Recurse -Force
    }

    Invoke-Tool dotnet (@('publish', $project, '-c', 'Release', '-o', $binaries) + $native + $common)
}

function Invoke-DotNetSuite {
    <# Runs an xunit project, whose tests may hang for four minutes at most; says its name if it fails. #>
    param([System.IO.FileInfo] $Project, [string] $Filter = 'Category!=Soak', [string] $HangTimeout = '4m')

    $limits = @('--filter', $Filter, '--blame-hang-timeout', $HangTimeout, '--blame-hang-dump-type', 'none')
    dotnet test $Project.FullName -c Release -nologo -tl:off @limits --results-directory (Join-Path $artifacts 'test-results') | Out-Host
    if ($LASTEXITCODE -ne 0) {
        $Project.BaseName
    }
}

function Invoke-PesterSuite {
    <# Runs Pester files in a process of its own, so that they get the module as it was just built; says the suite's name if it fails. #>
    param([string[]] $Path)

    if (-not (Get-Module Pester -ListAvailable | Where-Object { $_.Version.Major -eq 5 })) {
        Write-Information 'Pester 5 is missing: getting it from the PowerShell Gallery.' -InformationAction Continue
        Install-PSResource Pester -Version '[5.0,6.0)' -TrustRepository -AcceptLicense -Quiet
    }

    & ([Environment]::ProcessPath) -NoProfile -NonInteractive -File (Join-Path $root 'tests/RunPester.ps1') @Path | Out-Host
    if ($LASTEXITCODE -ne 0) {
        'Pester'
    }
}

function Invoke-TestSuite {
    param([string[]] $Suite, [string[]] $PesterPath)

    $failed = @(
        Get-ChildItem (Join-Path $root 'tests') -Filter '*.Tests.csproj' -Recurse -Depth 1 |
            Where-Object { $project = $_; $Suite | Where-Object { $project.BaseName -like $_ } } |
            ForEach-Object { Invoke-DotNetSuite $_ }

        if ($Suite | Where-Object { 'Pester' -like $_ }) {
            Invoke-PesterSuite $PesterPath
        }
    )
    if ($failed) {
        throw "These suites failed: $($failed -join ', ')."
    }
}

function Invoke-SoakSuite {
    param([int] $Rounds, [int] $Steps)

    $project = Get-Item (Join-Path $root 'tests/MicroVm.Engine.Tests/MicroVm.Engine.Tests.csproj')
    if (Invoke-DotNetSuite $project -Filter 'Category=Soak' -HangTimeout '30m') {
        throw 'The soak of the engine failed.'
    }

    & (Join-Path $root 'tests/Soak.ps1') -Rounds $Rounds
    & (Join-Path $root 'tests/RandomWalk.ps1') -Steps $Steps
}

function Export-Package {
    $version = (Import-PowerShellDataFile $manifest).ModuleVersion
    $package = Join-Path $artifacts "package/MicroVm/$version"
    if (Test-Path $package) {
        Remove-Item $package -Recurse -Force
    }

    $null = New-Item $package -ItemType Directory -Force
    foreach ($item in 'MicroVm.psd1', 'module', 'en-US', 'LICENSE', 'README.md') {
        $source = Join-Path $root $item
        if (Test-Path $source) {
            Copy-Item $source $package -Recurse
        }
    }

    Get-ChildItem $package -Include '*.pdb' -Recurse | Remove-Item
    $null = Test-ModuleManifest (Join-Path $package 'MicroVm.psd1')
    $archive = Join-Path $artifacts "MicroVm-$version.zip"
    Remove-Item $archive -ErrorAction Ignore
    [System.IO.Compression.ZipFile]::CreateFromDirectory((Join-Path $artifacts 'package'), $archive)
    Get-Item $archive
}

Invoke-Build
switch ($Task) {
    'Test' { Invoke-TestSuite $Suite $PesterPath }
    'Bench' { Invoke-Tool dotnet (@('run', '--project', (Join-Path $root 'bench/MicroVm.Bench'), '-c', 'Release', '--') + $BenchArgument) }
    # Get-Help looks beside the manifest, not beside the assembly.
    'Docs' { & (Join-Path $root 'docs/Export-CommandHelp.ps1') -Destination (Join-Path $root 'en-US') }
    'Package' { Export-Package }
    'Demo' { & (Join-Path $root 'samples/Demo.ps1') }
    'Soak' { Invoke-SoakSuite $Rounds $Steps }
}
