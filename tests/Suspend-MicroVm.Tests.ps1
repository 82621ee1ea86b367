BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $web = New-MicroVm web -Wait
}

AfterAll { Remove-TestHome }

Describe 'Suspend-MicroVm and Resume-MicroVm' {
    It 'pause a VM and let it go on, by name' {
        (Suspend-MicroVm web).State | Should -Be 'Paused'
        (Get-MicroVm web).State | Should -Be 'Paused'
        (Resume-MicroVm web).State | Should -Be 'Running'
    }

    It 'pause a VM and let it go on, piped' {
        ($web | Suspend-MicroVm | Resume-MicroVm).State | Should -Be 'Running'
    }

    It 'pause a VM and let it go on, by id' {
        (Suspend-MicroVm -Id $web.Id).State | Should -Be 'Paused'
        (Resume-MicroVm -VMId $web.Id).State | Should -Be 'Running'
    }

    It 'keep the VMM process' {
        (Suspend-MicroVm web).ProcessId | Should -Be $web.ProcessId
        (Resume-MicroVm web).ProcessId | Should -Be $web.ProcessId
    }

    It 'leave a VM that is so already as it is' {
        (Suspend-MicroVm web | Suspend-MicroVm).State | Should -Be 'Paused'
        (Resume-MicroVm web | Resume-MicroVm).State | Should -Be 'Running'
    }

    It 'refuse a stopped VM' {
        $null = New-MicroVm idle -NoStart
        { Suspend-MicroVm idle } | Should -Throw -ErrorId 'InvalidMicroVmState,MicroVm.Commands.SuspendMicroVmCommand'
        { Resume-MicroVm idle } | Should -Throw -ErrorId 'InvalidMicroVmState,MicroVm.Commands.ResumeMicroVmCommand'
    }

    It 'change nothing with -WhatIf' {
        Suspend-MicroVm web -WhatIf | Should -BeNullOrEmpty
        (Get-MicroVm web).State | Should -Be 'Running'
    }
}
