BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $null = New-MicroVmNetwork lan, dmz, left, right, last
    $null = New-MicroVm web -Network lan -NoStart
}

AfterAll { Remove-TestHome }

Describe 'Remove-MicroVmNetwork' {
    It 'refuses a network that a VM is in, also with -Force, and names the VM' {
        { Remove-MicroVmNetwork lan -Force } | Should -Throw -ErrorId 'NetworkInUse,MicroVm.Commands.RemoveMicroVmNetworkCommand' -ExpectedMessage '*web*'
        (Get-MicroVmNetwork lan).VMName | Should -Be 'web'
    }

    It 'removes nothing with -WhatIf' {
        Get-MicroVmNetwork | Remove-MicroVmNetwork -WhatIf
        (Get-MicroVmNetwork).Count | Should -Be 5
    }

    It 'removes by name, pattern and object, and emits only what is asked for' {
        Remove-MicroVmNetwork DMZ | Should -BeNullOrEmpty
        (Get-MicroVmNetwork l*t | Remove-MicroVmNetwork -PassThru).Name | Should -Be 'last', 'left'
        (Remove-MicroVmNetwork r* -PassThru -Force).Name | Should -Be 'right'
        (Get-MicroVmNetwork).Name | Should -Be 'lan'
    }

    It 'reports a name that no network has' {
        { Remove-MicroVmNetwork (New-UnknownName) } | Should -Throw -ErrorId 'NetworkNotFound,MicroVm.Commands.RemoveMicroVmNetworkCommand'
    }

    It 'removes a network when its VMs are gone' {
        Remove-MicroVm web -Force
        Remove-MicroVmNetwork lan
        Get-MicroVmNetwork | Should -BeNullOrEmpty
    }
}
