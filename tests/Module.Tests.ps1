BeforeDiscovery {
    $root = Split-Path $PSScriptRoot
    $scripts = @(Get-ChildItem $root -Filter '*.ps1' -File)
    $scripts += Get-ChildItem $PSScriptRoot, (Join-Path $root 'samples') -Filter '*.ps1' -File -ErrorAction Ignore
}

BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
}

Describe 'MicroVm.psd1' {
    It 'is a valid manifest' {
        (Test-ModuleManifest $manifest).Version | Should -Not -BeNullOrEmpty
    }

    It 'names every cmdlet and alias of the assembly, and nothing else' {
        $assembly = (Get-Module MicroVm).ImplementingAssembly ?? [MicroVm.Commands.MicroVmCmdlet].Assembly
        $classes = $assembly.GetExportedTypes().Where({ $_.IsDefined([System.Management.Automation.CmdletAttribute], $false) })
        $names = $classes.ForEach({
                $cmdlet = $_.GetCustomAttributes([System.Management.Automation.CmdletAttribute], $false)[0]
                "$($cmdlet.VerbName)-$($cmdlet.NounName)"
            })
        $data = Import-PowerShellDataFile $manifest
        $data.CmdletsToExport | Sort-Object | Should -Be ($names | Sort-Object)
        $data.FunctionsToExport | Should -HaveCount 0
        (Get-Command -Module MicroVm -CommandType Alias).Name | Should -Be $data.AliasesToExport
    }

    It 'loads no assembly but its own two' {
        Get-ChildItem (Join-Path $PSScriptRoot '../module/bin') -Filter '*.dll' | ForEach-Object Name |
            Should -Be 'MicroVm.Commands.dll', 'MicroVm.Engine.dll'
    }
}

Describe 'The scripts' {
    It '<_.Name> satisfies PSScriptAnalyzer' -ForEach $scripts -Skip:(-not (Get-Module PSScriptAnalyzer -ListAvailable)) {
        # Pester's blocks share variables in ways the analyser does not see.
        $exclude = $_.Name -like '*.Tests.ps1' ? 'PSUseDeclaredVarsMoreThanAssignments' : @()
        Invoke-ScriptAnalyzer $_.FullName -ExcludeRule $exclude | ForEach-Object { "$($_.RuleName) line $($_.Line): $($_.Message)" } |
            Should -BeNullOrEmpty
    }
}

Describe 'The views' {
    BeforeAll {
        $now = [datetimeoffset]::new(2026, 1, 2, 3, 4, 5, 0)
        $vm = [MicroVm.Engine.Machines.VirtualMachine]@{
            Name = 'web'; Id = [guid]::NewGuid(); State = 'Running'; Hypervisor = 'Qemu'; CpuCount = 2; MemoryBytes = 1536MB; Uptime = '1.02:03:04'
        }
        $ports = '8080:80', '0.0.0.0:53:53/udp' | ForEach-Object { [MicroVm.Engine.PublishedPort]::TryParse($_) }
        $connected = [MicroVm.Engine.Machines.VirtualMachine]@{
            Name = 'shop'; Id = [guid]::NewGuid(); State = 'Running'; IPAddress = '198.18.128.1'; EgressPolicy = 'Internet'
            NetworkInterfaces = [MicroVm.Engine.NetworkInterface[]]@(
                @{ Mode = 'Nat'; MacAddress = '02:fc:00:00:00:05'; IPAddress = '198.18.128.1'; GuestAddress = '169.254.0.21/30'; HostDevice = 'mvm01234567' }
                @{ Mode = 'Bridge'; Name = 'br0'; MacAddress = '02:fc:00:00:00:07'; GuestAddress = 'dhcp' }
            )
            PublishedPorts = [MicroVm.Engine.PublishedPort[]]$ports
        }
        $network = [MicroVm.Engine.NamedNetwork]@{ Name = 'lan'; Description = 'The shop'; CreatedAt = $now; VMName = [string[]]('db', 'web') }
        $snapshot = [MicroVm.Engine.Snapshots.Snapshot]@{
            Name = 'golden'; SnapshotId = [guid]::NewGuid(); VMName = 'web'; VMId = $vm.Id; HypervisorVersion = '7.2.0'; Path = '/nowhere'
            CreatedAt = $now; SizeBytes = 5MB; ParentSnapshotId = '01234567-89ab-cdef-0123-456789abcdef'; Hypervisor = 'Qemu'
        }
        $image = [MicroVm.Engine.Storage.GuestImage]@{
            Name = 'base'; Digest = 'sha256:0123456789abcdef'; Path = '/nowhere'; KernelPath = '/nowhere/kernel'; SizeBytes = 3MB; CreatedAt = $now
            KernelVersion = '6.1.0'
        }
        $checks = @(
            [MicroVm.Engine.Hosts.HostCheck]@{ Name = 'Qemu'; Status = 'Ok'; Detail = 'QEMU 7.2.0.'; Fix = 'nothing' }
            [MicroVm.Engine.Hosts.HostCheck]@{ Name = 'Kvm'; Status = 'Warning'; Detail = 'No /dev/kvm.'; Fix = 'modprobe kvm' }
        )

        function Get-Row($InputObject) {
            $lines = ($InputObject | Out-String -Width 200) -split "`n" | ForEach-Object { $_ -replace '\x1b\[[0-9;]*m' } | Where-Object { $_.Trim() }
            $lines | ForEach-Object { $_.Trim() -replace '\s{1,}', ' ' }
        }

        function Copy-ByRemoting($InputObject) {
            [System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize($InputObject))
        }
    }

    It 'shows a VM as a table' {
        $rows = Get-Row $vm
        $rows[0] | Should -Be 'Name State Hypervisor CPU Memory Uptime'
        $rows[2] | Should -Be 'web Running Qemu 2 1.5 GiB 1.02:03:04'
    }

    It 'shows a VM from a job or a remote session in the same way' {
        Get-Row (Copy-ByRemoting $vm) | Should -Be (Get-Row $vm)
    }

    It 'shows a VM as a list with its id' {
        Get-Row ($vm | Format-List) | Should -Contain "Id : $($vm.Id)"
    }

    It 'shows VMs side by side with their states' {
        Get-Row ($vm | Format-Wide) | Should -Be 'web (Running)'
    }

    It 'shows the networks of VMs as a table' {
        $rows = Get-Row ($connected, $vm | Format-Table -View Network)
        $rows[0] | Should -Be 'Name State Network IPAddress Ports'
        $rows[2] | Should -Be 'shop Running Nat, Bridge br0 198.18.128.1 127.0.0.1:8080:80/tcp, 0.0.0.0:53:53/udp'
        $rows[3] | Should -Be 'web Running'
        Get-Row (Copy-ByRemoting @($connected, $vm) | Format-Table -View Network) | Should -Be $rows
    }

    It 'shows the network in the list of a VM that has one' {
        $rows = Get-Row ($connected | Format-List)
        $rows | Should -Contain 'NetworkInterfaces : Nat, Bridge br0'
        $rows | Should -Contain 'IPAddress : 198.18.128.1'
        $rows | Should -Contain 'PublishedPorts : 127.0.0.1:8080:80/tcp, 0.0.0.0:53:53/udp'
        $rows | Should -Contain 'EgressPolicy : Internet'
        Get-Row ($vm | Format-List) | Should -Not -Match 'Network|IPAddress|Ports|Egress'
    }

    It 'shows interfaces, published ports and named networks as tables' {
        $rows = Get-Row $connected.NetworkInterfaces
        $rows[0] | Should -Be 'Mode Name IPAddress GuestAddress MacAddress HostDevice'
        $rows[2] | Should -Be 'Nat 198.18.128.1 169.254.0.21/30 02:fc:00:00:00:05 mvm01234567'
        $rows[3] | Should -Be 'Bridge br0 dhcp 02:fc:00:00:00:07'
        (Get-Row $connected.PublishedPorts)[0, 2] | Should -Be 'HostAddress HostPort GuestPort Protocol', '127.0.0.1 8080 80 Tcp'
        $rows = Get-Row $network
        $rows[0] | Should -Be 'Name VMs Created Description'
        $rows[2] | Should -Be "lan db, web $($now.ToLocalTime().ToString('yyyy-MM-dd HH:mm:ss')) The shop"
        Get-Row (Copy-ByRemoting $network) | Should -Be $rows
    }

    It 'leaves interfaces and ports readable in JSON' {
        $json = $connected | ConvertTo-Json -EnumsAsStrings -Depth 3 | ConvertFrom-Json
        $json.NetworkInterfaces[0].Mode, $json.PublishedPorts[0].HostPort, $json.EgressPolicy | Should -Be 'Nat', 8080, 'Internet'
    }

    It 'colours the state where colours are wanted, and only there' {
        $rendering = $PSStyle.OutputRendering
        try {
            $PSStyle.OutputRendering = 'Ansi'
            $vm | Out-String | Should -Match ([regex]::Escape("$($PSStyle.Foreground.Green)Running"))
            $PSStyle.OutputRendering = 'PlainText'
            $vm | Out-String | Should -Not -Match '\x1b'
        }
        finally {
            $PSStyle.OutputRendering = $rendering
        }
    }

    It 'shows a snapshot as a table' {
        $rows = Get-Row $snapshot
        $rows[0] | Should -Be 'Name VMName Created Size Hypervisor Parent'
        $rows[2] | Should -Be "golden web $($now.ToLocalTime().ToString('yyyy-MM-dd HH:mm:ss')) 5 MiB Qemu 01234567"
    }

    It 'shows an image as a table' {
        $rows = Get-Row $image
        $rows[0] | Should -Be 'Name Digest Size Created KernelVersion'
        $rows[2] | Should -Be "base 0123456789ab 3 MiB $($now.ToLocalTime().ToString('yyyy-MM-dd HH:mm:ss')) 6.1.0"
    }

    It 'shows the fix of what is not well' {
        $rows = Get-Row $checks
        $rows[2] | Should -Be 'Qemu Ok QEMU 7.2.0.'
        $rows[3] | Should -Be 'Kvm Warning No /dev/kvm. Fix: modprobe kvm'
    }

    It 'leaves ids and sizes readable in JSON' {
        $json = $vm | ConvertTo-Json -EnumsAsStrings | ConvertFrom-Json
        $json.Id | Should -Be "$($vm.Id)"
        $json.MemoryBytes | Should -Be 1536MB
        $json.State | Should -Be 'Running'
    }
}
