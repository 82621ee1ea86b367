BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
}

AfterAll { Remove-TestHome }

Describe 'Stop-MicroVm' {
    It 'asks the guest to shut down' {
        $vm = New-MicroVm web -Wait | Stop-MicroVm
        $vm.State | Should -Be 'Stopped'
        $vm.ProcessId | Should -BeNullOrEmpty
    }

    It 'leaves a stopped VM as it is' {
        (Stop-MicroVm web).State | Should -Be 'Stopped'
    }

    It 'keeps the disk' {
        (Start-MicroVm web).DiskBytes | Should -BeGreaterThan 0
        (Stop-MicroVm web -TurnOff).DiskBytes | Should -BeGreaterThan 0
    }

    It 'turns a VM off at once with -TurnOff' {
        $vm = New-MicroVm off
        $process = Get-Process -Id $vm.ProcessId
        (Stop-MicroVm off -TurnOff).State | Should -Be 'Stopped'
        $process.WaitForExit(5000) | Should -BeTrue
    }

    It 'leaves a VM running whose guest does not comply in time' {
        $vm = New-MicroVm deaf | Suspend-MicroVm | Resume-MicroVm
        { $vm | Stop-MicroVm -TimeoutSeconds 0 } | Should -Throw -ErrorId 'MicroVmTimeout,MicroVm.Commands.StopMicroVmCommand'
        (Get-MicroVm deaf).ProcessId | Should -Be $vm.ProcessId
    }

    It 'ends such a VM with -Force' {
        (Stop-MicroVm deaf -Force -TimeoutSeconds 0).State | Should -Be 'Stopped'
    }

    It 'stops nothing with -WhatIf, not even with -Force' {
        $null = New-MicroVm hypothetical
        Stop-MicroVm hypothetical -Force -WhatIf | Should -BeNullOrEmpty
        (Get-MicroVm hypothetical).State | Should -Be 'Running'
    }
}
