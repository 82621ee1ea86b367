BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
}

AfterAll { Remove-TestHome }

Describe 'New-MicroVm' {
    It 'creates and boots a VM from the base image' {
        $vm = New-MicroVm web
        $vm | Should -BeOfType MicroVm.Engine.Machines.VirtualMachine
        $vm.Name | Should -Be 'web'
        $vm.State | Should -Be 'Running'
        $vm.Image | Should -Be 'base'
        $vm.MemoryBytes | Should -Be 256MB
        $vm.CpuCount | Should -Be 1
        $vm.Uptime | Should -BeOfType timespan
        Get-Process -Id $vm.ProcessId | Should -Not -BeNullOrEmpty
    }

    It 'waits for the guest with -Wait' {
        $vm = New-MicroVm ready -Wait
        Get-MicroVmLog ready | Should -Contain 'microvm: guest ready'
        $vm.State | Should -Be 'Running'
    }

    It 'leaves the VM stopped with -NoStart' {
        $vm = New-MicroVm idle -NoStart
        $vm.State | Should -Be 'Stopped'
        $vm.ProcessId | Should -BeNullOrEmpty
    }

    It 'makes a name when none is given' {
        (New-MicroVm -NoStart).Name | Should -Match '^[A-Za-z0-9][A-Za-z0-9-]{0,62}$'
    }

    It 'makes several VMs by name' {
        (New-MicroVm several-a, several-b -NoStart).Name | Should -Be 'several-a', 'several-b'
    }

    It 'makes several VMs by names from the pipeline' {
        ('piped-a', 'piped-b' | New-MicroVm -NoStart).Name | Should -Be 'piped-a', 'piped-b'
    }

    It 'numbers names with -Count' {
        (New-MicroVm many -Count 2 -NoStart).Name | Should -Be 'many-1', 'many-2'
        @(New-MicroVm -Count 2 -NoStart).Name | Select-Object -Unique | Should -HaveCount 2
    }

    It 'leaves out numbers whose names are taken' {
        $null = New-MicroVm gap-2 -NoStart
        (New-MicroVm gap -Count 3 -NoStart -ThrottleLimit 3).Name | Should -Be 'gap-1', 'gap-3', 'gap-4'
    }

    It 'takes other numbers when two processes want the same' {
        $jobs = 1..2 | ForEach-Object {
            Start-ThreadJob {
                Import-Module $using:manifest
                New-MicroVm both -Count 8 -NoStart -ThrottleLimit 4
            }
        }
        $made = $jobs | Receive-Job -Wait -AutoRemoveJob
        $made.Name | Sort-Object -Unique | Should -HaveCount 16
    }

    It 'emits VMs in the order of their names, and errors in their places, however many at a time' {
        $names = 'o1', 'o2', 'web', 'o3', 'o4', 'o5'
        $order = [System.Collections.Generic.List[string]]::new()
        New-MicroVm $names -NoStart -ThrottleLimit 6 -ErrorAction Continue 2>&1 | ForEach-Object {
            $order.Add($_ -is [System.Management.Automation.ErrorRecord] ? $_.TargetObject : $_.Name)
        }
        $order | Should -Be $names
    }

    It 'says how long each VM took, of several too' {
        $said = New-MicroVm told-a, told-b -NoStart -Verbose 4>&1 | Where-Object { $_ -is [System.Management.Automation.VerboseRecord] }
        "$said" | Should -Match 'New told-a: total'
        "$said" | Should -Match 'New told-b: total'
    }

    It 'takes sizes as numbers and as text' {
        $vm = New-MicroVm sizes -MemoryBytes 192MB -DiskBytes '1 GiB' -CpuCount 2 -NoStart
        $vm.MemoryBytes | Should -Be 192MB
        $vm.DiskBytes | Should -Be 1GB
        $vm.CpuCount | Should -Be 2
        (New-MicroVm text -MemoryBytes '0.25GB' -NoStart).MemoryBytes | Should -Be 256MB
    }

    It 'boots files, with paths relative to the location' {
        $image = Get-MicroVmImage base
        $initramfs = $image.InitramfsPath
        Push-Location (Split-Path $image.KernelPath)
        try {
            $vm = New-MicroVm files -KernelPath (Split-Path $image.KernelPath -Leaf) -InitramfsPath $initramfs -NoStart
        }
        finally {
            Pop-Location
        }

        $vm.Image | Should -BeNullOrEmpty
        $vm.KernelPath | Should -Be $image.KernelPath
    }

    It 'hands kernel arguments to the guest' {
        $null = New-MicroVm arguments -KernelArgument 'no.such.option=7' -NoStart
        (Start-MicroVm arguments).State | Should -Be 'Running'
    }

    It 'tells the guest of itself' {
        $key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEkqKioqKioqKioqKioqKioqKioqKioqKioqKioqKioq me'
        $vm = New-MicroVm told -Hostname www.example.org -AuthorizedKey $key -UserData '#!/bin/sh', 'echo "heard by" $(hostname) >/dev/console' -Wait
        $vm.Hostname | Should -Be 'www.example.org'
        Wait-UntilTrue { (Get-MicroVmLog told) -contains 'heard by www.example.org' }
    }

    It 'joins the lines of user data' {
        $null = New-MicroVm lines -UserData '#!/bin/sh', '', "echo `u{fc}" -NoStart
        $disk = Join-Path (Split-Path (Get-MicroVm lines).SerialLogPath) 'config.iso'
        [System.IO.File]::ReadAllText($disk) | Should -BeLike "*#!/bin/sh`n`necho `u{fc}$([char]0)*"
    }

    It 'gives the guest the VM''s name without -Hostname' {
        (New-MicroVm named -NoStart).Hostname | Should -Be 'named'
    }

    It 'refuses what no guest can be told: <Because>' -ForEach @(
        @{ Because = 'a host name with an underscore'; Arguments = @{ Hostname = 'a_b' } }
        @{ Because = 'the path of a key'; Arguments = @{ AuthorizedKey = '~/.ssh/id_ed25519.pub' } }
        @{ Because = 'user data for cloud-init, which base does not have'; Arguments = @{ UserData = '#cloud-config' } }
        @{ Because = 'a control character in user data'; Arguments = @{ UserData = "#!/bin/sh`nprintf `e[0m" } }
        @{ Because = 'a relative path of init'; Arguments = @{ InitPath = 'sbin/init' } }
    ) {
        { New-MicroVm @Arguments -NoStart } | Should -Throw -ErrorId 'InvalidMicroVmSpec,MicroVm.Commands.NewMicroVmCommand'
    }

    It 'begins the kernel command line with a profile: <_>' -ForEach 'Wrenn', 'Kata' {
        $vm = New-MicroVm "profile-$_" -KernelProfile $_ -InitPath /sbin/init -KernelArgument 'no.such.option=7' -NoStart
        $record = Get-Content (Join-Path (Split-Path $vm.SerialLogPath) 'vm.json') | ConvertFrom-Json
        $record.boot.kernelArguments | Should -Contain 'panic=1'
        $record.boot.kernelArguments[-2, -1] | Should -Be 'init=/sbin/init', 'no.such.option=7'
    }

    It 'refuses a name that is taken, whatever its case' {
        { New-MicroVm WEB -NoStart } | Should -Throw -ErrorId 'MicroVmAlreadyExists,MicroVm.Commands.NewMicroVmCommand'
    }

    It 'refuses what no VM can be: <Because>' -ForEach @(
        @{ Because = 'a name with a dot'; Arguments = @{ Name = 'a.b' } }
        @{ Because = 'no vCPU'; Arguments = @{ CpuCount = 0 } }
        @{ Because = 'part of a MiB'; Arguments = @{ MemoryBytes = 256MB + 1 } }
    ) {
        { New-MicroVm @Arguments -NoStart } | Should -Throw -ErrorId 'InvalidMicroVmSpec,MicroVm.Commands.NewMicroVmCommand'
    }

    It 'refuses a kernel file that does not exist' {
        { New-MicroVm -KernelPath (Join-Path $TestDrive 'none') } | Should -Throw -ErrorId 'FileNotFound,MicroVm.Commands.NewMicroVmCommand'
    }

    It 'refuses arguments that do not go together' {
        { New-MicroVm -NoStart -Wait } | Should -Throw -ErrorId 'InvalidParameterCombination,MicroVm.Commands.NewMicroVmCommand'
        { New-MicroVm a, b -Count 2 } | Should -Throw -ErrorId 'InvalidParameterCombination,MicroVm.Commands.NewMicroVmCommand'
        { New-MicroVm -KernelPath env:PATH } | Should -Throw -ErrorId 'NotAFileSystemPath,MicroVm.Commands.NewMicroVmCommand'
    }

    It 'goes on with other names when one is taken' {
        $made = New-MicroVm web, other -NoStart -ErrorVariable failure -ErrorAction SilentlyContinue
        $made.Name | Should -Be 'other'
        $failure.TargetObject | Should -Be 'web'
    }

    It 'makes nothing with -WhatIf' {
        New-MicroVm hypothetical -WhatIf | Should -BeNullOrEmpty
        Get-MicroVm hypothetica[l] | Should -BeNullOrEmpty
    }

    It 'leaves the VM running when the guest is not ready in time' {
        { New-MicroVm slow -Wait -TimeoutSeconds 0 } | Should -Throw -ErrorId 'MicroVmTimeout,MicroVm.Commands.NewMicroVmCommand'
        (Get-MicroVm slow).State | Should -Be 'Running'
    }
}

Describe 'New-MicroVm with networks' {
    BeforeAll { $null = New-MicroVmNetwork lan }

    AfterEach { Get-MicroVm net* | Remove-MicroVm -Force }

    It 'says what interfaces are to be: <Because>' -ForEach @(
        @{ Because = 'none'; Given = @{ Network = 'None' }; Said = '' }
        @{ Because = 'a mode'; Given = @{ Network = 'nat' }; Said = 'Nat 169.254.0.21/30' }
        @{ Because = 'a named network, whatever its case'; Given = @{ Network = 'LAN' }; Said = 'lan 169.254.0.21/30' }
        @{ Because = 'a bridge'; Given = @{ BridgeName = 'br0' }; Said = 'Bridge br0 dhcp' }
        @{ Because = 'a bridge and an address'; Given = @{ Network = 'Bridge'; BridgeName = 'br0'; IPAddress = '192.0.2.5/24' }; Said = 'Bridge br0 192.0.2.5/24' }
        @{ Because = 'a TAP device'; Given = @{ TapDevice = 'tap0'; MacAddress = '02:FC:00:12:34:56' }; Said = 'Tap ' }
        @{ Because = 'a table'; Given = @{ Network = @{ Mode = 'Bridge'; Name = 'br0'; IPAddress = 'none' } }; Said = 'Bridge br0 ' }
        @{ Because = 'several'; Given = @{ Network = 'Nat', @{ BridgeName = 'br0'; Mode = 'Bridge' } }; Said = 'Nat 169.254.0.21/30, Bridge br0 dhcp' }
    ) {
        $vm = New-MicroVm net -NoStart @Given
        ($vm.NetworkInterfaces | ForEach-Object { "$_ $($_.GuestAddress)" }) -join ', ' | Should -Be $Said
        $vm.NetworkInterfaces | ForEach-Object { $_.MacAddress | Should -MatchExactly '^02(:[0-9a-f]{2}){5}$' }
        if ($Given.MacAddress) {
            $vm.NetworkInterfaces.MacAddress | Should -BeExactly '02:fc:00:12:34:56'
        }
    }

    It 'gives each VM an address of its own outside, and keeps it' {
        $made = New-MicroVm net -Network lan -NoStart
        $other = New-MicroVm net-2 -Network Nat -NoStart
        $made.IPAddress, $other.IPAddress | Select-Object -Unique | Should -HaveCount 2
        $made.NetworkInterfaces[0].IPAddress | Should -Be $made.IPAddress
        (Get-MicroVm net).IPAddress | Should -Be $made.IPAddress
        Remove-MicroVm net-2 -Force
    }

    It 'has the policy Internet where there is one, or that of -EgressPolicy' {
        (New-MicroVm net -Network Nat -NoStart).EgressPolicy | Should -Be 'Internet'
        Remove-MicroVm net -Force
        (New-MicroVm net -Network Nat -NoStart -EgressPolicy 'Allow tcp 192.0.2.7:443').EgressPolicy | Should -Be 'Allow tcp 192.0.2.7/32:443; None'
        Remove-MicroVm net -Force
        (New-MicroVm net -Network User -NoStart).EgressPolicy | Should -BeNullOrEmpty
    }

    It 'refuses <Because>' -ForEach @(
        @{ Because = 'a network that is not there'; Given = @{ Network = 'nowhere' }; Id = 'NetworkNotFound' }
        @{ Because = 'two that are the same inside'; Given = @{ Network = 'Nat', 'lan' }; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'nine interfaces'; Given = @{ Network = 1..9 | ForEach-Object { @{ Mode = 'Bridge'; Name = 'br0' } } }; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'a bridge without a name'; Given = @{ Network = 'Bridge' }; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'a bridge with an impossible name'; Given = @{ BridgeName = 'a/b' }; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'a bridge with an escape sequence'; Given = @{ BridgeName = "`e[0m" }; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'a TAP device without a name'; Given = @{ Network = 'Tap' }; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'a namespace without a TAP device'; Given = @{ Network = 'Nat'; NetworkNamespace = 'shop' }; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'an address with Nat'; Given = @{ Network = 'Nat'; IPAddress = '192.0.2.5/24' }; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'an address without a prefix'; Given = @{ BridgeName = 'br0'; IPAddress = '192.0.2.5' }; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'a group''s hardware address'; Given = @{ BridgeName = 'br0'; MacAddress = '01:fc:00:12:34:56' }; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'a gateway that is none'; Given = @{ BridgeName = 'br0'; Gateway = 'router' }; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'an address for two interfaces'; Given = @{ Network = 'Nat', @{ Mode = 'Bridge'; Name = 'br0' }; IPAddress = '192.0.2.5/24' }; Id = 'InvalidMicroVmSpec' }
        @{ Because = 'a port without a network'; Given = @{ Publish = ':80' }; Id = 'NetworkNotSupported' }
        @{ Because = 'a policy without a firewall'; Given = @{ Network = 'User'; EgressPolicy = 'None' }; Id = 'NetworkNotSupported' }
        @{ Because = 'a table with what no interface has'; Given = @{ Network = @{ Mode = 'Nat'; Speed = 9 } }; Id = 'ParameterArgumentTransformationError' }
        @{ Because = 'a policy that is none'; Given = @{ Network = 'Nat'; EgressPolicy = 'Internet', 'Open' }; Id = 'ParameterArgumentTransformationError' }
    ) {
        { New-MicroVm net -NoStart @Given } | Should -Throw -ErrorId "$Id,MicroVm.Commands.NewMicroVmCommand"
        Get-MicroVm net* | Should -BeNullOrEmpty
    }
}
