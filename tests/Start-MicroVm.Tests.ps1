BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
}

AfterAll { Remove-TestHome }

Describe 'Start-MicroVm' {
    It 'boots a stopped VM, by name, and waits for the guest' {
        $null = New-MicroVm web -NoStart
        $vm = Start-MicroVm web -Wait
        $vm.State | Should -Be 'Running'
        Get-MicroVmLog web | Should -Contain 'microvm: guest ready'
    }

    It 'boots a VM from the pipeline' {
        (New-MicroVm piped -NoStart | Start-MicroVm).State | Should -Be 'Running'
    }

    It 'boots a VM by id' {
        $vm = New-MicroVm by-id -NoStart
        (Start-MicroVm -Id $vm.Id).State | Should -Be 'Running'
    }

    It 'refuses a running VM' {
        { Start-MicroVm web } | Should -Throw -ErrorId 'InvalidMicroVmState,MicroVm.Commands.StartMicroVmCommand'
    }

    It 'goes on with other VMs when one fails' {
        $null = New-MicroVm other -NoStart
        $started = Start-MicroVm web, other -ErrorVariable failure -ErrorAction SilentlyContinue
        $started.Name | Should -Be 'other'
        $failure.TargetObject.Name | Should -Be 'web'
    }

    It 'boots nothing with -WhatIf' {
        $vm = New-MicroVm hypothetical -NoStart
        $vm | Start-MicroVm -WhatIf | Should -BeNullOrEmpty
        ($vm | Get-MicroVm).State | Should -Be 'Stopped'
    }

    It 'accepts -PassThru, as Hyper-V does' {
        (New-MicroVm ported -NoStart | Start-MicroVm -PassThru).State | Should -Be 'Running'
    }

    It 'says how long the phases took with -Verbose' {
        $messages = New-MicroVm verbose -NoStart | Start-MicroVm -Verbose 4>&1 | Where-Object { $_ -is [System.Management.Automation.VerboseRecord] }
        "$messages" | Should -Match '\d ms'
    }
}
