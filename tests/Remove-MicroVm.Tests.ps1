BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
}

AfterAll { Remove-TestHome }

Describe 'Remove-MicroVm' {
    It 'removes a stopped VM and says nothing' {
        $null = New-MicroVm web -NoStart
        Remove-MicroVm web -Confirm:$false | Should -BeNullOrEmpty
        Get-MicroVm | Should -BeNullOrEmpty
    }

    It 'frees the name' {
        (New-MicroVm web -NoStart).Name | Should -Be 'web'
    }

    It 'emits the VM with -PassThru' {
        (Get-MicroVm web | Remove-MicroVm -Force -PassThru).Name | Should -Be 'web'
    }

    It 'refuses a running VM without -Force' {
        $vm = New-MicroVm busy
        { Remove-MicroVm busy -Confirm:$false } | Should -Throw -ErrorId 'InvalidMicroVmState,MicroVm.Commands.RemoveMicroVmCommand'
        (Get-MicroVm busy).ProcessId | Should -Be $vm.ProcessId
    }

    It 'removes a running VM with -Force' {
        Remove-MicroVm busy -Force
        Get-MicroVm bus[y] | Should -BeNullOrEmpty
    }

    It 'removes VMs by pattern, and goes on after one that it must not' {
        $null = New-MicroVm pattern-a, pattern-c -NoStart
        $null = New-MicroVm pattern-b
        Remove-MicroVm pattern-* -Confirm:$false -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure.TargetObject.Name | Should -Be 'pattern-b'
        (Get-MicroVm).Name | Should -Be 'pattern-b'
    }

    It 'removes nothing with -WhatIf, not even with -Force' {
        Remove-MicroVm * -Force -WhatIf
        (Get-MicroVm).Name | Should -Be 'pattern-b'
    }

    It 'asks without -Force' {
        # This Pester runs without a user, so asking fails.
        $script = {
            param($Manifest)
            Import-Module $Manifest
            Remove-MicroVm pattern-b -ErrorAction SilentlyContinue
        }
        $null = pwsh -NoProfile -NonInteractive -Command $script -args $manifest 2>&1
        (Get-MicroVm).Name | Should -Be 'pattern-b'
    }

    It 'keeps the snapshots' {
        $null = Save-MicroVmSnapshot kept pattern-b
        Remove-MicroVm pattern-b -Force
        (Get-MicroVmSnapshot kept).VMName | Should -Be 'pattern-b'
    }
}
