BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $web = New-MicroVm web -Wait
}

AfterAll { Remove-TestHome }

Describe 'Get-MicroVmLog' {
    It 'gets what the guest wrote, by name, object and id' {
        $byName = Get-MicroVmLog web
        $byName | Should -BeOfType string
        $byName | Should -Contain 'microvm: guest ready'
        $web | Get-MicroVmLog | Should -Contain 'microvm: guest ready'
        Get-MicroVmLog -Id $web.Id | Should -Contain 'microvm: guest ready'
    }

    It 'gets the last lines with -Tail' {
        @(Get-MicroVmLog web -Tail 1).Count | Should -Be 1
        Get-MicroVmLog web -Tail 0 | Should -BeNullOrEmpty
    }

    It 'neutralises control characters unless asked for them raw' {
        $vm = New-MicroVm hostile -Wait | Stop-MicroVm -TurnOff
        Add-Content $vm.SerialLogPath "`n`e]0;title`aharmless`e[31m`b" -NoNewline
        Get-MicroVmLog hostile -Tail 1 | Should -Be 'harmless\x08'
        Get-MicroVmLog hostile -Tail 1 -Raw | Should -Match '\x1b'
    }

    It 'gets what the VMM wrote' {
        { Get-MicroVmLog web -Source Vmm } | Should -Not -Throw
    }

    It 'follows until the VM ends' {
        $vm = New-MicroVm followed
        $job = Start-ThreadJob {
            Import-Module $using:manifest
            Wait-MicroVm followed | Stop-MicroVm -TurnOff
        }
        $vm | Get-MicroVmLog -Wait | Should -Contain 'microvm: guest ready'
        $null = $job | Receive-Job -Wait -AutoRemoveJob
    }

    It 'stops following when the pipeline has enough' {
        $web | Get-MicroVmLog -Wait | Select-Object -First 1 | Should -HaveCount 1
    }

    It 'says which VM does not exist' {
        { Get-MicroVmLog nobody } | Should -Throw -ErrorId 'MicroVmNotFound,MicroVm.Commands.GetMicroVmLogCommand'
    }
}
