BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $web = New-MicroVm web -Wait
    $null = $web | Suspend-MicroVm | Save-MicroVmSnapshot golden -Description 'the first'
}

AfterAll { Remove-TestHome }

Describe 'Rename-MicroVmSnapshot' {
    It 'renames by name, and what is renamed can be restored' {
        $before = Get-MicroVmSnapshot golden
        $renamed = Rename-MicroVmSnapshot golden Silver
        $renamed.Name | Should -BeExactly 'Silver'
        $renamed.SnapshotId | Should -Be $before.SnapshotId
        $renamed.Description | Should -Be 'the first'
        Get-MicroVmSnapshot golde[n] | Should -BeNullOrEmpty
        (Restore-MicroVm silver -NewName clone).State | Should -Be 'Running'
    }

    It 'renames by object, by id, and by a script block' {
        (Get-MicroVmSnapshot silver | Rename-MicroVmSnapshot -NewName bronze).Name | Should -Be 'bronze'
        (Get-MicroVmSnapshot bronze | Select-Object SnapshotId | Rename-MicroVmSnapshot -NewName iron).Name | Should -Be 'iron'
        (Get-MicroVmSnapshot iron | Rename-MicroVmSnapshot -NewName { "$($_.Name)-old" }).Name | Should -Be 'iron-old'
    }

    It 'changes case alone' {
        (Rename-MicroVmSnapshot iron-old Iron-Old).Name | Should -BeExactly 'Iron-Old'
    }

    It 'refuses a name that another snapshot of the VM has, not one that another VM''s has' {
        $null = Save-MicroVmSnapshot second web
        { Rename-MicroVmSnapshot second IRON-OLD } | Should -Throw -ErrorId 'SnapshotAlreadyExists,MicroVm.Commands.RenameMicroVmSnapshotCommand'
        $null = Save-MicroVmSnapshot third clone
        (Rename-MicroVmSnapshot third second).VMName | Should -Be 'clone'
        { Rename-MicroVmSnapshot second fourth } | Should -Throw -ErrorId 'AmbiguousSnapshot,MicroVm.Commands.RenameMicroVmSnapshotCommand'
        (Rename-MicroVmSnapshot second fourth -VMName clone).VMName | Should -Be 'clone'
        (Get-MicroVmSnapshot second).VMName | Should -Be 'web'
    }

    It 'refuses what no snapshot can be called, and says what does not exist' {
        { Rename-MicroVmSnapshot second a.b } | Should -Throw -ErrorId 'InvalidMicroVmSpec,MicroVm.Commands.RenameMicroVmSnapshotCommand'
        { Rename-MicroVmSnapshot nothing something } | Should -Throw -ErrorId 'SnapshotNotFound,MicroVm.Commands.RenameMicroVmSnapshotCommand'
    }

    It 'renames nothing with -WhatIf' {
        Rename-MicroVmSnapshot second fifth -WhatIf | Should -BeNullOrEmpty
        (Get-MicroVmSnapshot second).Name | Should -Be 'second'
    }

    It 'renames snapshots of a VM that is gone' {
        Remove-MicroVm clone -Force
        (Rename-MicroVmSnapshot fourth heirloom).VMName | Should -Be 'clone'
    }
}
