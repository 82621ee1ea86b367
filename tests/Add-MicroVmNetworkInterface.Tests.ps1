BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $id = 'MicroVm.Commands.AddMicroVmNetworkInterfaceCommand'
}

AfterAll { Remove-TestHome }

Describe 'Add-MicroVmNetworkInterface' {
    BeforeEach { $vm = New-MicroVm web -NoStart }

    AfterEach { Get-MicroVm | Remove-MicroVm -Force }

    It 'adds interfaces to a stopped VM in their order, by <_>' -ForEach 'Name', 'VM', 'Id' {
        $target = switch ($_) { Name { 'web' } VM { $vm } Id { $vm | Select-Object Id } }
        ($target | Add-MicroVmNetworkInterface -Network Nat).NetworkInterfaces.Mode | Should -Be 'Nat'
        $both = $target | Add-MicroVmNetworkInterface -BridgeName br0 -IPAddress 192.0.2.5/24
        $both.NetworkInterfaces.Mode | Should -Be 'Nat', 'Bridge'
        $both.NetworkInterfaces[1].GuestAddress | Should -Be 192.0.2.5/24
    }

    It 'refuses <Case>' -ForEach @(
        @{ Case = 'no network'; Give = @{}; Like = 'One network interface*' }
        @{ Case = 'None'; Give = @{ Network = 'None' }; Like = 'One network interface*' }
        @{ Case = 'two at a time'; Give = @{ Network = 'Nat', @{ Mode = 'Bridge'; Name = 'br0' } }; Like = 'One network interface*' }
        @{ Case = 'details of two'; Give = @{ Network = 'Nat', 'User'; MacAddress = '02:fc:00:00:00:09' }; Like = '*there are 2*' }
        @{ Case = 'a hardware address on Nat'; Give = @{ Network = 'Nat'; MacAddress = '02:fc:00:00:00:09' }; Like = '*cannot be chosen*' }
        @{ Case = 'a hardware address of many'; Give = @{ BridgeName = 'br0'; MacAddress = '03:fc:00:00:00:09' }; Like = '*hardware address*' }
        @{ Case = 'an address without its prefix'; Give = @{ BridgeName = 'br0'; IPAddress = '192.0.2.5' }; Like = '*prefix*' }
    ) {
        { Add-MicroVmNetworkInterface web @Give } | Should -Throw -ErrorId "InvalidMicroVmSpec,$id" -ExpectedMessage $Like
        (Get-MicroVm web).NetworkInterfaces | Should -BeNullOrEmpty
    }

    It 'refuses a second network of mode Nat, Named or User, and a hardware address twice' {
        $null = Add-MicroVmNetworkInterface web Nat
        { Add-MicroVmNetworkInterface web User } | Should -Throw -ErrorId "InvalidMicroVmSpec,$id" -ExpectedMessage '*at most one*'
        $null = Add-MicroVmNetworkInterface web -BridgeName br0 -MacAddress 02:fc:00:00:00:0A
        { Add-MicroVmNetworkInterface web -BridgeName br1 -MacAddress 02:fc:00:00:00:0a } | Should -Throw -ErrorId "InvalidMicroVmSpec,$id" -ExpectedMessage '*Two interfaces*'
        (Get-MicroVm web).NetworkInterfaces | Should -HaveCount 2
    }

    It 'refuses more than eight, and a network that is not there' {
        1..8 | ForEach-Object { $null = Add-MicroVmNetworkInterface web -BridgeName "br$_" }
        { Add-MicroVmNetworkInterface web -BridgeName br9 } | Should -Throw -ErrorId "InvalidMicroVmSpec,$id" -ExpectedMessage '*at most 8*'
        $null = New-MicroVm db -NoStart
        { Add-MicroVmNetworkInterface db -Network nowhere } | Should -Throw -ErrorId "NetworkNotFound,$id"
    }

    It 'adds nothing with -WhatIf' {
        Add-MicroVmNetworkInterface web Nat -WhatIf | Should -BeNullOrEmpty
        (Get-MicroVm web).NetworkInterfaces | Should -BeNullOrEmpty
    }
}
