BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
}

AfterAll { Remove-TestHome }

Describe 'Set-MicroVmHost' {
    It 'sets what is given and leaves the rest' {
        (Set-MicroVmHost -SpareSlots 3).AddressPool | Should -Be '198.18.128.0/17'
        $set = Set-MicroVmHost -AddressPool 100.127.16.0/24
        $set.AddressPool, $set.AddressCount, $set.SpareSlots | Should -Be '100.127.16.0/24', 254, 3
        (Get-MicroVmHost).AddressPool | Should -Be '100.127.16.0/24'
        (Set-MicroVmHost -IPv6AddressPool '').IPv6AddressPool | Should -BeNullOrEmpty
        (Set-MicroVmHost -IPv6AddressPool fd6d:6963:766f::/64 -SpareSlots 0).SpareSlots | Should -Be 0
    }

    It 'gives VMs addresses of the pool, and refuses another one as long as they have them' {
        (New-MicroVm web -Network Nat -NoStart).IPAddress | Should -BeLike '100.127.16.*'
        { Set-MicroVmHost -AddressPool 100.127.17.0/24 } | Should -Throw -ErrorId 'NetworkInUse,MicroVm.Commands.SetMicroVmHostCommand' -ExpectedMessage '*web*'
        (Set-MicroVmHost -AddressPool 100.127.16.0/24 -SpareSlots 0).AddressPool | Should -Be '100.127.16.0/24'
        Remove-MicroVm web -Force
    }

    It 'refuses a VM when all addresses are taken, and leaves nothing of it' {
        $null = Set-MicroVmHost -AddressPool 100.127.18.0/30
        try {
            (New-MicroVm one, two -Network Nat -NoStart).IPAddress | Sort-Object | Should -Be '100.127.18.1', '100.127.18.2'
            { New-MicroVm three -Network Nat -NoStart } | Should -Throw -ErrorId 'NoFreeSlot,MicroVm.Commands.NewMicroVmCommand'
            (Get-MicroVm).Name | Sort-Object | Should -Be 'one', 'two'
        }
        finally {
            Remove-MicroVm * -Force
            $null = Set-MicroVmHost -AddressPool 100.127.16.0/24
        }
    }

    It 'refuses <Because>' -ForEach @(
        @{ Because = 'what is no network'; Setting = @{ AddressPool = 'here' } }
        @{ Because = 'the loopback'; Setting = @{ AddressPool = '127.0.0.0/17' } }
        @{ Because = 'a small network'; Setting = @{ AddressPool = '100.127.16.0/31' } }
        @{ Because = 'an IPv6 network for IPv4'; Setting = @{ AddressPool = 'fd6d:6963:766f::/64' } }
        @{ Because = 'an IPv4 network for IPv6'; Setting = @{ IPv6AddressPool = '100.127.16.0/24' } }
        @{ Because = 'a small network of IPv6'; Setting = @{ IPv6AddressPool = 'fd6d:6963:766f::/97' } }
    ) {
        $before = Get-MicroVmHost
        { Set-MicroVmHost @Setting } | Should -Throw -ErrorId 'InvalidAddressPool,MicroVm.Commands.SetMicroVmHostCommand'
        Get-MicroVmHost | Should -Be $before
    }

    It 'refuses to set nothing, and numbers out of range' {
        { Set-MicroVmHost } | Should -Throw -ErrorId 'InvalidParameterCombination,MicroVm.Commands.SetMicroVmHostCommand'
        { Set-MicroVmHost -SpareSlots 1025 } | Should -Throw -ErrorId 'ParameterArgumentValidationError,*'
    }

    It 'sets nothing with -WhatIf' {
        Set-MicroVmHost -SpareSlots 9 -WhatIf | Should -BeNullOrEmpty
        (Get-MicroVmHost).SpareSlots | Should -Be 0
    }

    It 'says when the file of the settings is damaged' {
        $path = (Get-ChildItem (Join-Path $env:MICROVM_HOME 'data') -Recurse -Filter '*.json').Where({ (Get-Content $_ -Raw) -match '"spareSlots"' })[0].FullName
        $good = Get-Content $path -Raw
        Set-Content $path '{ "version": 9 }'
        { Get-MicroVmHost } | Should -Throw -ErrorId 'StateCorrupt,MicroVm.Commands.GetMicroVmHostCommand'
        { Set-MicroVmHost -SpareSlots 1 } | Should -Throw -ErrorId 'StateCorrupt,MicroVm.Commands.SetMicroVmHostCommand'
        Set-Content $path $good -NoNewline
        (Get-MicroVmHost).AddressPool | Should -Be '100.127.16.0/24'
    }
}
