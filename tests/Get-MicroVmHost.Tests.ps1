BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
}

AfterAll { Remove-TestHome }

Describe 'Get-MicroVmHost' {
    It 'gets the defaults where nothing was set' {
        $found = Get-MicroVmHost
        $found | Should -BeOfType MicroVm.Engine.Hosts.MicroVmHost
        $found.AddressPool, $found.IPv6AddressPool | Should -Be '198.18.128.0/17', 'fd6d:6963:766e::/64'
        $found.AddressCount, $found.AddressesInUse, $found.SpareSlots | Should -Be 32000, 0, 0
    }

    It 'counts the addresses of VMs that are stopped, and no others' {
        $null = New-MicroVm web, db -Network Nat -NoStart
        $null = New-MicroVm dark -NoStart
        (Get-MicroVmHost).AddressesInUse | Should -Be 2
        Remove-MicroVm web, db -Force
        (Get-MicroVmHost).AddressesInUse | Should -Be 0
    }
}
