BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $web = New-MicroVm web -Wait
}

AfterAll { Remove-TestHome }

Describe 'Sync-MicroVmClock' {
    It 'sets a clock and says how far it was off' {
        Invoke-MicroVmCommand web date -ArgumentList '-s', '@1000000000' | Out-Null
        $result = Sync-MicroVmClock web
        $result.VMName | Should -Be 'web'
        $result.VMId | Should -Be $web.Id
        $result.Result | Should -Be 'Done'
        $result.OffsetBefore.TotalDays | Should -BeLessThan -5000
        [Math]::Abs($result.OffsetAfter.TotalSeconds) | Should -BeLessThan 0.5
        $result.Duration | Should -BeGreaterThan ([timespan]::Zero)
    }

    It 'takes VMs by pattern, object and id, and its result is bound as the VM' {
        (Sync-MicroVmClock we*).VMId | Should -Be $web.Id
        ($web | Sync-MicroVmClock).VMId | Should -Be $web.Id
        (Sync-MicroVmClock -Id $web.Id).VMId | Should -Be $web.Id
        (Sync-MicroVmClock web | Get-MicroVm).Name | Should -Be 'web'
    }

    It 'changes nothing with -WhatIf' {
        Sync-MicroVmClock web -WhatIf | Should -BeNullOrEmpty
    }

    It 'says what does not run' {
        $null = New-MicroVm still -NoStart
        { Sync-MicroVmClock still } | Should -Throw -ErrorId 'InvalidMicroVmState,MicroVm.Commands.SyncMicroVmClockCommand'
        { Sync-MicroVmClock (New-UnknownName) } | Should -Throw -ErrorId 'MicroVmNotFound,MicroVm.Commands.SyncMicroVmClockCommand'
    }
}
