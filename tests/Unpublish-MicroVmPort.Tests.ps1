BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
}

AfterAll { Remove-TestHome }

Describe 'Unpublish-MicroVmPort' {
    BeforeEach {
        $vm = New-MicroVm web -Network Nat -Publish :80, :81, :53/udp -NoStart
        $tcp, $other, $udp = $vm.PublishedPorts
    }

    AfterEach { Get-MicroVm | Remove-MicroVm -Force }

    It 'takes back one port, which others can have then' {
        (Unpublish-MicroVmPort web $tcp.HostPort).PublishedPorts | Should -Be $other, $udp
        (New-MicroVm next -Network Nat -Publish "$($tcp.HostPort):80" -NoStart).PublishedPorts.HostPort | Should -Be $tcp.HostPort
    }

    It 'takes back all of a protocol' {
        ($vm | Unpublish-MicroVmPort -Protocol Tcp).PublishedPorts | Should -Be $udp
    }

    It 'takes back all that VMs publish, and nothing of those that publish none' {
        $null = New-MicroVm dark -NoStart
        $done = Get-MicroVm | Unpublish-MicroVmPort
        $done.Name | Sort-Object | Should -Be 'dark', 'web'
        $done.PublishedPorts | Should -BeNullOrEmpty
    }

    It 'refuses a port that the VM does not publish, and then takes back none' {
        Unpublish-MicroVmPort web $tcp.HostPort, 1 -ErrorVariable failure -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $failure[0].FullyQualifiedErrorId | Should -Be 'PortNotPublished,MicroVm.Commands.UnpublishMicroVmPortCommand'
        "$($failure[0])" | Should -BeLike '*port 1.*'
        $failure[0].ErrorDetails.RecommendedAction | Should -BeLike "*$tcp*"
        { Unpublish-MicroVmPort web $tcp.HostPort -Protocol Udp } | Should -Throw -ErrorId 'PortNotPublished,*'
        (Get-MicroVm web).PublishedPorts | Should -HaveCount 3
    }

    It 'takes back nothing with -WhatIf' {
        Unpublish-MicroVmPort web -WhatIf | Should -BeNullOrEmpty
        (Get-MicroVm web).PublishedPorts | Should -HaveCount 3
    }

    It 'refuses a number that is no port: <_>' -ForEach 0, 65536 {
        { Unpublish-MicroVmPort web $_ } | Should -Throw -ErrorId 'ParameterArgumentValidationError,*'
    }
}
