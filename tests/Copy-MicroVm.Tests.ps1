BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $web = New-MicroVm web -Wait
    $null = Invoke-MicroVmCommand web -Script 'echo disk >/root/mark; echo memory >/dev/shm/mark'
}

AfterAll { Remove-TestHome }

Describe 'Copy-MicroVm of a running VM' {
    It 'makes VMs that go on where it is, and leaves it alone' {
        $copies = $web | Copy-MicroVm -NewName blue, green
        $copies.Name | Sort-Object | Should -Be 'blue', 'green'
        $copies.State | Should -Be 'Running', 'Running'
        $copies.Id | Should -Not -Contain $web.Id
        $copies | Where-Object RestoredFromSnapshotId | Should -BeNullOrEmpty
        (Get-MicroVm web).ProcessId | Should -Be $web.ProcessId
        (Get-MicroVm web).State | Should -Be 'Running'
        $said = $copies | Invoke-MicroVmCommand -Script 'cat /root/mark /dev/shm/mark; hostname'
        $said | ForEach-Object StandardOutput | Sort-Object | Should -Be "disk`nmemory`nblue`n", "disk`nmemory`ngreen`n"
    }

    It 'puts the guests right' {
        (Get-MicroVm blue).Fixups[0..3].Result | Should -Be 'Done', 'Done', 'Done', 'Done'
    }

    It 'leaves no snapshot' {
        Get-MicroVmSnapshot | Should -BeNullOrEmpty
        Get-ChildItem (Join-Path $env:MICROVM_HOME 'data/snapshots') -Force | Should -BeNullOrEmpty
    }

    It 'copies copies, and what was done to one is not done to another' {
        $null = Invoke-MicroVmCommand blue -Script 'echo blue >>/dev/shm/mark'
        $null = Copy-MicroVm blue -NewName deep | Copy-MicroVm -NewName deeper
        (Invoke-MicroVmCommand deeper -Script 'cat /dev/shm/mark').StandardOutput | Should -Be "memory`nblue`n"
        (Invoke-MicroVmCommand green -Script 'cat /dev/shm/mark').StandardOutput | Should -Be "memory`n"
        Save-MicroVmSnapshot -VMName deeper -SnapshotName kept | Remove-MicroVmSnapshot
        Remove-MicroVm deep, deeper -Force
    }

    It 'numbers copies after the VM, or after a name' {
        (Copy-MicroVm web -Count 2).Name | Sort-Object | Should -Be 'web-1', 'web-2'
        (Copy-MicroVm web).Name | Should -Be 'web-3'
        (Copy-MicroVm web -NewName job -Count 2).Name | Sort-Object | Should -Be 'job-1', 'job-2'
        Remove-MicroVm web-*, job-* -Force
    }

    It 'leaves copies paused if asked' {
        (Copy-MicroVm web -NewName still -NoStart).State | Should -Be 'Paused'
        (Resume-MicroVm still).State | Should -Be 'Running'
        (Invoke-MicroVmCommand still hostname).StandardOutput | Should -Be "still`n"
        Remove-MicroVm still -Force
    }

    It 'makes those whose names are free, and says which are not' {
        $copies = Copy-MicroVm web -NewName blue, red -ErrorVariable failures -ErrorAction SilentlyContinue
        $copies.Name | Should -Be 'red'
        $failures.FullyQualifiedErrorId | Should -Be 'MicroVmAlreadyExists,MicroVm.Commands.CopyMicroVmCommand'
        $failures.TargetObject | Should -Be 'blue'
        Remove-MicroVm red -Force
    }

    It 'removes what nobody takes' {
        Copy-MicroVm web -NewName taken -Count 4 -ThrottleLimit 4 | Select-Object -First 1 | ForEach-Object Name | Should -BeLike 'taken-*'
        Get-MicroVm taken-* | Should -HaveCount 1
        Remove-MicroVm taken-* -Force
    }

    It 'does nothing with -WhatIf' {
        Copy-MicroVm web -NewName never -WhatIf | Should -BeNullOrEmpty
        Get-MicroVm never* | Should -BeNullOrEmpty
    }

    It 'refuses a bad name and a bad combination' {
        { Copy-MicroVm web -NewName 'a/b' } | Should -Throw -ErrorId 'InvalidMicroVmSpec,MicroVm.Commands.CopyMicroVmCommand'
        { Copy-MicroVm web -NewName a, b -Count 2 } | Should -Throw -ErrorId 'InvalidParameterCombination,MicroVm.Commands.CopyMicroVmCommand'
        { Copy-MicroVm (New-UnknownName) } | Should -Throw -ErrorId 'MicroVmNotFound,MicroVm.Commands.CopyMicroVmCommand'
    }
}

Describe 'Copy-MicroVm of a VM that does not run' {
    It 'copies a paused one, which stays paused' {
        $null = Suspend-MicroVm green
        (Copy-MicroVm green -NewName teal).State | Should -Be 'Running'
        (Get-MicroVm green).State | Should -Be 'Paused'
        (Invoke-MicroVmCommand teal -Script 'cat /dev/shm/mark').StandardOutput | Should -Be "memory`n"
        Remove-MicroVm green, teal -Force
    }

    It 'copies the disk of a stopped one and boots from it' {
        $null = Stop-MicroVm blue
        (Copy-MicroVm blue -NewName cold -NoStart).State | Should -Be 'Stopped'
        (Copy-MicroVm blue -NewName warm | Wait-MicroVm -For Agent).State | Should -Be 'Running'
        (Invoke-MicroVmCommand warm -Script 'cat /root/mark; hostname').StandardOutput | Should -Be "disk`nwarm`n"
        Remove-MicroVm blue, cold, warm -Force
    }
}

Describe 'Copy-MicroVm of a VM with a network' {
    BeforeAll {
        $shop = New-MicroVm shop -Network Nat -Publish :80 -EgressPolicy Open -NoStart
    }

    It 'gives a copy an address of its own, the policy, and none of the ports, and says so' {
        $copy = $shop | Copy-MicroVm -NewName copied -NoStart -WarningVariable said -WarningAction SilentlyContinue
        $copy.IPAddress | Should -Not -BeNullOrEmpty
        $copy.IPAddress | Should -Not -Be $shop.IPAddress
        $copy.EgressPolicy | Should -Be 'Open'
        $copy.PublishedPorts | Should -BeNullOrEmpty
        "$said" | Should -BeLike "*'copied'*$($shop.PublishedPorts)*"
    }

    It 'publishes what -Publish says, without a warning' {
        $copies = $shop | Copy-MicroVm -Count 2 -Publish :80 -NoStart -WarningVariable said
        $copies.PublishedPorts.HostPort | Select-Object -Unique | Should -HaveCount 2
        ($shop | Copy-MicroVm -NewName silent -Publish @() -NoStart -WarningVariable +said).PublishedPorts | Should -BeNullOrEmpty
        $said | Should -BeNullOrEmpty
    }

    It 'makes no copy for a port that the VM has' {
        { $shop | Copy-MicroVm -NewName never -Publish $shop.PublishedPorts -NoStart } | Should -Throw -ErrorId 'PortInUse,MicroVm.Commands.CopyMicroVmCommand'
        Get-MicroVm never* | Should -BeNullOrEmpty
    }
}
