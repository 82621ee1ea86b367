BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    # The samples' machines are ephemeral, so they need one.
    $env:MICROVM_KEEPER = 'On'
    $env:MICROVM_KEEPER_IDLE = '100'
    $samples = Join-Path $PSScriptRoot '../samples/Pester'
}

AfterAll {
    # It ends when there is nothing to keep.
    Wait-UntilTrue { (Test-MicroVmHost | Where-Object Name -EQ 'Keeper').Detail -notlike 'Runs*' }
    $env:MICROVM_KEEPER = 'Off'
    $env:MICROVM_KEEPER_IDLE = $null
    Remove-TestHome
}

Describe 'The samples for Pester' {
    It 'run a suite on copies of a template' {
        $script = {
            param($Manifest, $Path)
            Import-Module $Manifest
            Import-Module Pester -MinimumVersion 5.0 -MaximumVersion 5.999
            $result = Invoke-Pester $Path -PassThru -Output None
            "$($result.PassedCount) of $($result.TotalCount)"
        }
        pwsh -NoProfile -NonInteractive -Command $script -args $manifest, (Join-Path $samples 'KeyValueStore.Tests.ps1') | Should -Be '4 of 4'
        Get-MicroVm | Should -BeNullOrEmpty
    }

    It 'run containers at once on clones of a snapshot' {
        $said = pwsh -NoProfile -NonInteractive -File (Join-Path $samples 'Invoke-Parallel.ps1') -ThrottleLimit 2
        $LASTEXITCODE | Should -Be 0
        $said | Should -HaveCount 3
        $said | ForEach-Object { $_ | Should -BeLike 'Passed  A *.has a machine of its own*' }
        Get-MicroVm | Should -BeNullOrEmpty
        Get-MicroVmSnapshot | Should -BeNullOrEmpty
    }
}
