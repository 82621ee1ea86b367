BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEkqKioqKioqKioqKioqKioqKioqKioqKioqKioqKioq me'

    # A value for each parameter that says what a VM is.
    $everything = @{
        KernelPath = '/k'; InitramfsPath = '/i'; RootDiskPath = '/r'; CpuCount = 3; MemoryBytes = 300MB; DiskBytes = 5GB; KernelProfile = 'Kata'
        InitPath = '/sbin/init'; KernelArgument = 'a=1', 'b'; Hostname = 'www'; AuthorizedKey = $key; UserData = '#!/bin/sh', 'exit 0'
        Tag = @{ role = 'web' }; Description = 'The shop'; Hypervisor = 'Qemu'; HypervisorPath = '/q'; Accelerator = 'Tcg'
        Ephemeral = $true
        Network = 'Tap'; BridgeName = 'br0'; TapDevice = 'tap9'; NetworkNamespace = '/run/netns/shop'; MacAddress = '02:fc:00:12:34:56'
        IPAddress = '192.0.2.5/24'; Gateway = '192.0.2.1'; Publish = '8080:80', '[::]:53:53/udp'; EgressPolicy = 'Open', 'Deny tcp 203.0.113.0/24:25'
    }
    $file = Join-Path $TestDrive 'web.json'
}

AfterAll { Remove-TestHome }

Describe 'New-MicroVmSpec' {
    It 'has every parameter of New-MicroVm that says what a VM is' {
        $common = [System.Management.Automation.Cmdlet]::CommonParameters + [System.Management.Automation.Cmdlet]::OptionalCommonParameters
        $how = 'Count', 'NoStart', 'Wait', 'TimeoutSeconds', 'ThrottleLimit', 'Spec', 'SpecPath'
        $what = (Get-Command New-MicroVm).Parameters.Keys.Where({ $_ -notin $common + $how }) | Sort-Object
        @($everything.Keys) + 'Name', 'Image' | Sort-Object | Should -Be $what
        (Get-Command New-MicroVmSpec).Parameters.Keys.Where({ $_ -notin $common + 'Path', 'Force', 'Spec', 'SpecPath' }) | Sort-Object | Should -Be $what
    }

    It 'writes all of it and reads it again' {
        $spec = New-MicroVmSpec web @everything -Path $file
        $read = New-MicroVmSpec -SpecPath $file
        $read | ConvertTo-Json -Depth 3 | Should -Be ($spec | ConvertTo-Json -Depth 3)
        $default = New-MicroVmSpec
        foreach ($property in $spec.psobject.Properties.Name -ne 'Image') {
            "$($read.$property)" | Should -Not -Be "$($default.$property)" -Because "$property is in the file"
        }

        (New-MicroVmSpec -Image other -Path $file -Force).Image | Should -Be 'other'
        (New-MicroVmSpec -SpecPath $file).Image | Should -Be 'other'
    }

    It 'writes a file for its owner alone, and replaces none without -Force' {
        (Get-Item $file).UnixMode | Should -Be '-rw-------'
        { New-MicroVmSpec web -Path $file } | Should -Throw -ErrorId 'FileAlreadyExists,MicroVm.Commands.NewMicroVmSpecCommand'
        New-MicroVmSpec never -Path $file -Force -WhatIf | Should -BeNullOrEmpty
        (New-MicroVmSpec -SpecPath $file).Image | Should -Be 'other'
    }

    It 'changes a description' {
        $small = New-MicroVmSpec web -CpuCount 2 -Tag @{ role = 'web' }
        $big = $small | New-MicroVmSpec -MemoryBytes 1GB
        $big.Name, $big.CpuCount, $big.MemoryBytes | Should -Be 'web', 2, 1GB
        $big.Tags['role'] | Should -Be 'web'
        $kernel = New-MicroVmSpec -Image base | New-MicroVmSpec -KernelPath /k
        $kernel.Image | Should -BeNullOrEmpty
    }

    It 'refuses <Because>' -ForEach @(
        @{ Because = 'a member it does not know'; Json = '{ "version": 1, "colour": "red" }'; Text = '*colour*' }
        @{ Because = 'another version'; Json = '{ "version": 2 }'; Text = '*version is 2*' }
        @{ Because = 'no version'; Json = '{ }'; Text = "*'version'*" }
        @{ Because = 'a number as text'; Json = '{ "version": 1, "cpuCount": "2" }'; Text = "*'cpuCount'*" }
        @{ Because = 'a port that is none'; Json = '{ "version": 1, "publish": ["eighty"] }'; Text = '*eighty*' }
        @{ Because = 'a policy that is none'; Json = '{ "version": 1, "egressPolicy": ["Internet", "Open"] }'; Text = '*Internet, Open*' }
        @{ Because = 'an interface with a member it does not know'; Json = '{ "version": 1, "interfaces": [{ "mode": "Nat", "speed": 9 }] }'; Text = '*speed*' }
        @{ Because = 'an interface without a mode'; Json = '{ "version": 1, "interfaces": [{ "name": "br0" }] }'; Text = "*'mode'*" }
        @{ Because = 'broken JSON, with its line'; Json = "{`n  `"version`": 1,`n  oops`n}"; Text = '*LineNumber: 2*' }
    ) {
        $bad = Join-Path $TestDrive 'bad.json'
        Set-Content $bad $Json
        New-MicroVm -SpecPath $bad -ErrorVariable failure -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $failure[0].FullyQualifiedErrorId | Should -Be 'InvalidMicroVmSpec,MicroVm.Commands.NewMicroVmCommand'
        $failure[0].TargetObject | Should -Be $bad
        "$($failure[0])" | Should -BeLike $Text
    }

    It 'takes the path of a network namespace from where the shell, or the file, is' {
        Push-Location $TestDrive
        try {
            $spec = New-MicroVmSpec -Network @{ TapDevice = 'tap0'; NetworkNamespace = './ns' } -Path (Join-Path $TestDrive 'ns.json')
            $spec.Interfaces[0].NetworkNamespace | Should -Be (Join-Path $TestDrive 'ns')
            (New-MicroVmSpec -TapDevice tap0 -NetworkNamespace shop).Interfaces[0].NetworkNamespace | Should -Be 'shop'
        }
        finally {
            Pop-Location
        }

        $null = New-Item (Join-Path $TestDrive 'sub') -ItemType Directory -Force
        (Get-Content (Join-Path $TestDrive 'ns.json') -Raw).Replace((Join-Path $TestDrive 'ns'), '../ns') | Set-Content (Join-Path $TestDrive 'sub/ns.json')
        (New-MicroVmSpec -SpecPath (Join-Path $TestDrive 'sub/ns.json')).Interfaces[0].NetworkNamespace | Should -Be (Join-Path $TestDrive 'ns')
    }

    It 'says when there is no such file' {
        { New-MicroVmSpec -SpecPath (Join-Path $TestDrive none) } | Should -Throw -ErrorId 'FileNotFound,MicroVm.Commands.NewMicroVmSpecCommand'
    }
}

Describe 'New-MicroVm from a description' {
    It 'makes the VM it describes, from a file' {
        $null = New-MicroVmSpec shop -CpuCount 2 -MemoryBytes 192MB -Tag @{ role = 'web' } -Hostname www -Path (Join-Path $TestDrive 'shop.json')
        $vm = New-MicroVm -SpecPath (Join-Path $TestDrive 'shop.json') -NoStart
        $vm.Name, $vm.CpuCount, $vm.MemoryBytes, $vm.Hostname | Should -Be 'shop', 2, 192MB, 'www'
        $vm.Tags['role'] | Should -Be 'web'
    }

    It 'makes VMs of descriptions from the pipeline; other parameters come first' {
        $made = 'left', 'right' | ForEach-Object { New-MicroVmSpec $_ -CpuCount 2 -Description "the $_" } | New-MicroVm -NoStart -CpuCount 3
        $made.Name | Should -Be 'left', 'right'
        $made.CpuCount | Should -Be 3, 3
        $made.Description | Should -Be 'the left', 'the right'
        (New-MicroVm -Spec (New-MicroVmSpec shop) -Count 2 -NoStart).Name | Should -Be 'shop-1', 'shop-2'
        (New-MicroVm one, two -Spec (New-MicroVmSpec shop -CpuCount 4) -NoStart).CpuCount | Should -Be 4, 4
    }

    It 'takes relative paths from the file''s directory' {
        Copy-Item (Get-MicroVmImage base).KernelPath (Join-Path $TestDrive 'vmlinux')
        $relative = Join-Path $TestDrive 'relative.json'
        Set-Content $relative '{ "version": 1, "name": "relative", "kernelPath": "./vmlinux" }'
        (New-MicroVm -SpecPath $relative -NoStart).KernelPath | Should -Be (Join-Path $TestDrive 'vmlinux')
    }
}
