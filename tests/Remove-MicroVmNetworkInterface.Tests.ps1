BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $id = 'MicroVm.Commands.RemoveMicroVmNetworkInterfaceCommand'
}

AfterAll { Remove-TestHome }

Describe 'Remove-MicroVmNetworkInterface' {
    BeforeEach { $vm = New-MicroVm web -NoStart -Network Nat, @{ Mode = 'Bridge'; Name = 'br0' } }

    AfterEach { Get-MicroVm | Remove-MicroVm -Force }

    It 'removes the one that is named, then the only one, by <_>' -ForEach 'Name', 'VM', 'Id' {
        $target = switch ($_) { Name { 'web' } VM { $vm } Id { $vm | Select-Object Id } }
        ($target | Remove-MicroVmNetworkInterface -MacAddress $vm.NetworkInterfaces[1].MacAddress.ToUpperInvariant()).NetworkInterfaces.Mode | Should -Be 'Nat'
        ($target | Remove-MicroVmNetworkInterface).NetworkInterfaces | Should -BeNullOrEmpty
        { Remove-MicroVmNetworkInterface web } | Should -Throw -ErrorId "InterfaceNotFound,$id"
    }

    It 'refuses to choose, and says what there is' {
        Remove-MicroVmNetworkInterface web -ErrorVariable failure -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $failure[0].FullyQualifiedErrorId | Should -Be "InvalidMicroVmSpec,$id"
        $failure[0].ErrorDetails.RecommendedAction | Should -BeLike "*$($vm.NetworkInterfaces[1].MacAddress)*"
        { Remove-MicroVmNetworkInterface web 02:00:00:00:00:99 } | Should -Throw -ErrorId "InterfaceNotFound,$id"
        (Get-MicroVm web).NetworkInterfaces | Should -HaveCount 2
    }

    It 'keeps the one that publishes ports until they are taken back' {
        $null = Publish-MicroVmPort web :80
        $mac = $vm.NetworkInterfaces[0].MacAddress
        Remove-MicroVmNetworkInterface web $mac -ErrorVariable failure -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $failure[0].FullyQualifiedErrorId | Should -Be "NetworkInUse,$id"
        $failure[0].ErrorDetails.RecommendedAction | Should -BeLike 'Unpublish-MicroVmPort web*'
        (Unpublish-MicroVmPort web | Remove-MicroVmNetworkInterface -MacAddress $mac).NetworkInterfaces.Mode | Should -Be 'Bridge'
    }

    It 'removes nothing with -WhatIf' {
        Remove-MicroVmNetworkInterface web $vm.NetworkInterfaces[0].MacAddress -WhatIf | Should -BeNullOrEmpty
        (Get-MicroVm web).NetworkInterfaces | Should -HaveCount 2
    }
}
