BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage

    function Get-FreePort {
        $listener = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
        $listener.Start()
        $listener.LocalEndpoint.Port
        $listener.Stop()
    }
}

AfterAll { Remove-TestHome }

Describe 'Publish-MicroVmPort of VMs that are stopped' {
    BeforeAll {
        $null = New-MicroVm web, other -Network Nat -NoStart
        $null = New-MicroVm dark -NoStart
        $null = New-MicroVm passt -Network User -NoStart
    }

    AfterAll { Remove-MicroVm web, other, dark, passt -Force }

    It 'publishes ports and emits the VM, by name, object and id' {
        $ports = 1..3 | ForEach-Object { Get-FreePort }
        $vm = Publish-MicroVmPort web "$($ports[0]):80"
        "$($vm.PublishedPorts)" | Should -Be "127.0.0.1:$($ports[0]):80/tcp"
        ($vm | Publish-MicroVmPort -Port "$($ports[1]):53/udp").PublishedPorts[1].Protocol | Should -Be 'Udp'
        ($vm | Select-Object Id | Publish-MicroVmPort -Port "0.0.0.0:$($ports[2]):81").PublishedPorts.HostAddress | Should -Be '127.0.0.1', '127.0.0.1', '0.0.0.0'
        (Get-MicroVm web).PublishedPorts.HostPort | Should -Be $ports
    }

    It 'chooses a free port' {
        $vm = Publish-MicroVmPort passt :22, 23, 0:24
        $vm.PublishedPorts.GuestPort | Should -Be 22, 23, 24
        $vm.PublishedPorts.HostPort | Select-Object -Unique | Should -HaveCount 3
        $vm.PublishedPorts.HostPort | ForEach-Object { $_ | Should -BeGreaterThan 0 }
    }

    It 'leaves what is published in just this way' {
        $before = (Get-MicroVm web).PublishedPorts
        (Publish-MicroVmPort web $before).PublishedPorts | Should -Be $before
    }

    It 'refuses a port that another VM has, at its address and at all of them, and says which' {
        $port = (Get-MicroVm web).PublishedPorts[0].HostPort
        foreach ($taken in "${port}:80", "0.0.0.0:${port}:80") {
            Publish-MicroVmPort other $taken -ErrorVariable failure -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
            $failure[0].FullyQualifiedErrorId | Should -Be 'PortInUse,MicroVm.Commands.PublishMicroVmPortCommand'
            $failure[0].CategoryInfo.Category | Should -Be 'ResourceExists'
            "$($failure[0])" | Should -BeLike "*VM 'web'*"
        }

        (Get-MicroVm other).PublishedPorts | Should -BeNullOrEmpty
        "127.0.0.1:${port}:53/udp" | ForEach-Object { (Publish-MicroVmPort other $_).PublishedPorts } | Should -HaveCount 1
    }

    It 'refuses a port that a program has, and says which; nothing is published then' {
        $listener = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
        $listener.Start()
        try {
            $before = (Get-MicroVm other).PublishedPorts
            { Publish-MicroVmPort other :80, "$($listener.LocalEndpoint.Port):80" } |
                Should -Throw -ErrorId 'PortInUse,*' -ExpectedMessage "*(pid $PID)*"
            (Get-MicroVm other).PublishedPorts | Should -Be $before
        }
        finally {
            $listener.Stop()
        }
    }

    It 'refuses <Because>' -ForEach @(
        @{ Because = 'an address that the host does not have'; VM = 'web'; Port = '192.0.2.77:8080:80'; Id = 'AddressNotAvailable' }
        @{ Because = 'the loopback of IPv6'; VM = 'web'; Port = '[::1]:8080:80'; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'a port given twice'; VM = 'web'; Port = '61999:80', '61999:81'; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'a VM without a network'; VM = 'dark'; Port = ':80'; Id = 'NetworkNotSupported' }
        @{ Because = 'what is no port'; VM = 'web'; Port = 'eighty'; Id = 'ParameterArgumentTransformationError' }
        @{ Because = 'a port above 65535'; VM = 'web'; Port = '65536:80'; Id = 'ParameterArgumentTransformationError' }
        @{ Because = 'a name'; VM = 'web'; Port = 'localhost:80:80'; Id = 'ParameterArgumentTransformationError' }
    ) {
        $before = (Get-MicroVm $VM).PublishedPorts
        { Publish-MicroVmPort $VM $Port } | Should -Throw -ErrorId "$Id,MicroVm.Commands.PublishMicroVmPortCommand"
        (Get-MicroVm $VM).PublishedPorts | Should -Be $before
    }

    It 'reports a VM that is not there, and publishes nothing with -WhatIf' {
        $before = (Get-MicroVm web).PublishedPorts
        { Publish-MicroVmPort (New-UnknownName) :80 } | Should -Throw -ErrorId 'MicroVmNotFound,*'
        Publish-MicroVmPort web :80 -WhatIf | Should -BeNullOrEmpty
        (Get-MicroVm web).PublishedPorts | Should -Be $before
    }

    It 'is what -Publish of New-MicroVm does, whose ports go with the VM' {
        $vm = New-MicroVm short -Network Nat -Publish :80, '0:53/udp' -NoStart
        $port = $vm.PublishedPorts[0].HostPort
        { New-MicroVm late -Network Nat -Publish "${port}:80" -NoStart } | Should -Throw -ErrorId 'PortInUse,MicroVm.Commands.NewMicroVmCommand'
        Get-MicroVm late* | Should -BeNullOrEmpty
        Remove-MicroVm short -Force
        (New-MicroVm late -Network Nat -Publish "${port}:80" -NoStart).PublishedPorts.HostPort | Should -Be $port
        Remove-MicroVm late -Force
    }
}

Describe 'Publish-MicroVmPort of VMs that run' {
    BeforeAll {
        $obstacle = Get-NetworkObstacle
        $network = $obstacle ? $null : (New-TestNetwork)
    }

    AfterAll { Remove-TestNetwork $network }

    It 'opens and closes ports while the guest runs' {
        if ($obstacle) {
            Set-ItResult -Skipped -Because $obstacle
            return
        }

        $seen = Invoke-InTestNetwork $network {
            function Get-Page([int] $Port) {
                try { (Invoke-RestMethod "http://127.0.0.1:$Port/" -ConnectionTimeoutSeconds 10 -OperationTimeoutSeconds 10).Trim() } catch { 'nothing' }
            }

            $vm = New-MicroVm web -Network Nat -Publish 8080:80 -Wait -WarningAction SilentlyContinue
            $null = $vm | Invoke-MicroVmCommand -Script 'mkdir /srv; echo hello >/srv/index.html; httpd -p 80 -h /srv'
            [pscustomobject]@{
                Address     = $vm.IPAddress
                First       = Get-Page 8080
                Unpublished = Get-Page 8081
                More        = @((Publish-MicroVmPort web 8081:80).PublishedPorts.HostPort)
                Second      = Get-Page 8081
                Fewer       = @((Unpublish-MicroVmPort web 8080).PublishedPorts.HostPort)
                Closed      = Get-Page 8080
                Other       = Get-Page 8081
            }
        }
        $seen.Address | Should -BeLike '198.18.*'
        $seen.First | Should -Be 'hello'
        $seen.Unpublished | Should -Be 'nothing'
        $seen.More | Should -Be 8080, 8081
        $seen.Second | Should -Be 'hello'
        $seen.Fewer | Should -Be 8081
        $seen.Closed | Should -Be 'nothing'
        $seen.Other | Should -Be 'hello'
    }

    It 'keeps address and ports when the VM is stopped and rolled back' {
        if ($obstacle) {
            Set-ItResult -Skipped -Because $obstacle
            return
        }

        $seen = Invoke-InTestNetwork $network {
            $web = Get-MicroVm web
            $null = $web | Save-MicroVmSnapshot served
            Stop-MicroVm web -TurnOff
            # Of a process that has not booted it: no server runs in this one.
            Start-MicroVm web
            Restore-MicroVm served -Force
            (Invoke-RestMethod http://127.0.0.1:8081/ -ConnectionTimeoutSeconds 10 -OperationTimeoutSeconds 10).Trim()
            $web.IPAddress
        }
        $address = $seen[-1]
        $seen[0..2].IPAddress | Should -Be $address, $address, $address
        $seen[0..2].PublishedPorts.HostPort | Should -Be 8081, 8081, 8081
        $seen[3] | Should -Be 'hello'
    }

    It 'gives a clone an address of its own, none of the ports and a warning, or the ports it is given' {
        if ($obstacle) {
            Set-ItResult -Skipped -Because $obstacle
            return
        }

        $seen = Invoke-InTestNetwork $network {
            $blue = Restore-MicroVm served -NewName blue -WarningVariable warning -WarningAction SilentlyContinue
            $quiet = Restore-MicroVm served -NewName quiet -Publish @() -WarningVariable none
            $red = Copy-MicroVm blue -NewName red -Publish :80 -WarningVariable +none
            [pscustomobject]@{
                Addresses = @((Get-MicroVm web, blue, quiet, red).IPAddress)
                Ports     = @($blue.PublishedPorts.Count, $quiet.PublishedPorts.Count, $red.PublishedPorts.Count)
                Warning   = "$warning"
                None      = @($none).Count
                Page      = (Invoke-RestMethod "http://127.0.0.1:$($red.PublishedPorts[0].HostPort)/" -ConnectionTimeoutSeconds 10 -OperationTimeoutSeconds 10).Trim()
            }
        }
        $seen.Addresses | Select-Object -Unique | Should -HaveCount 4
        $seen.Ports | Should -Be 0, 0, 1
        $seen.Warning | Should -BeLike "*'blue'*8081:80*"
        $seen.None | Should -Be 0
        $seen.Page | Should -Be 'hello'
    }
}
