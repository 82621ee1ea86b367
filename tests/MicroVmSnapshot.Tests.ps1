BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $web, $db = New-MicroVm web, db -Wait
}

AfterAll { Remove-TestHome }

Describe 'Save-MicroVmSnapshot' {
    It 'saves a running VM by name and leaves it running' {
        $snapshot = Save-MicroVmSnapshot first web -Description 'the first'
        $snapshot | Should -BeOfType MicroVm.Engine.Snapshots.Snapshot
        $snapshot.Name | Should -Be 'first'
        $snapshot.VMName | Should -Be 'web'
        $snapshot.VMId | Should -Be $web.Id
        $snapshot.Description | Should -Be 'the first'
        $snapshot.SizeBytes | Should -BeGreaterThan 0
        $snapshot.PauseDuration | Should -BeGreaterThan ([timespan]::Zero)
        (Get-MicroVm web).State | Should -Be 'Running'
    }

    It 'saves a paused VM from the pipeline and leaves it paused' {
        $snapshot = $web | Suspend-MicroVm | Save-MicroVmSnapshot second
        $snapshot.PauseDuration | Should -Be ([timespan]::Zero)
        (Get-MicroVm web).State | Should -Be 'Paused'
        $null = Resume-MicroVm web
    }

    It 'saves a VM by id, under its other name' {
        (& (Get-Alias Checkpoint-MicroVm) -SnapshotName third -Id $web.Id).Name | Should -Be 'third'
    }

    It 'makes a name when none is given' {
        ($db | Save-MicroVmSnapshot).Name | Should -Not -BeNullOrEmpty
    }

    It 'saves several VMs under one name' {
        (Save-MicroVmSnapshot both web, db).VMName | Should -Be 'web', 'db'
    }

    It 'refuses a name that the VM has, whatever its case' {
        { Save-MicroVmSnapshot FIRST web } | Should -Throw -ErrorId 'SnapshotAlreadyExists,MicroVm.Commands.SaveMicroVmSnapshotCommand'
    }

    It 'refuses a stopped VM' {
        $null = New-MicroVm idle -NoStart
        { Save-MicroVmSnapshot never idle } | Should -Throw -ErrorId 'InvalidMicroVmState,MicroVm.Commands.SaveMicroVmSnapshotCommand'
    }

    It 'saves nothing with -WhatIf' {
        $web | Save-MicroVmSnapshot hypothetical -WhatIf | Should -BeNullOrEmpty
        Get-MicroVmSnapshot hypothetica[l] | Should -BeNullOrEmpty
    }
}

Describe 'Get-MicroVmSnapshot' {
    It 'gets all snapshots' {
        @(Get-MicroVmSnapshot).Count | Should -Be 6
    }

    It 'gets snapshots by name and by pattern' {
        (Get-MicroVmSnapshot first).VMName | Should -Be 'web'
        (Get-MicroVmSnapshot BOTH).VMName | Sort-Object | Should -Be 'db', 'web'
        (Get-MicroVmSnapshot f*, sec*).Name | Should -Be 'first', 'second'
    }

    It 'gets the snapshots of a VM' {
        @(Get-MicroVmSnapshot -VMName db).Count | Should -Be 2
        (Get-MicroVmSnapshot both w*).VMName | Should -Be 'web'
        @($db | Get-MicroVmSnapshot).Count | Should -Be 2
        ($db | Get-MicroVmSnapshot both).VMId | Should -Be $db.Id
    }

    It 'gets a snapshot by id' {
        $snapshot = Get-MicroVmSnapshot first
        (Get-MicroVmSnapshot -SnapshotId $snapshot.SnapshotId).Name | Should -Be 'first'
        ($snapshot | Get-MicroVmSnapshot).Name | Should -Be 'first'
    }

    It 'says what does not exist, and is silent about patterns' {
        { Get-MicroVmSnapshot nothing } | Should -Throw -ErrorId 'SnapshotNotFound,MicroVm.Commands.GetMicroVmSnapshotCommand'
        { Get-MicroVmSnapshot -VMName nobody } | Should -Throw -ErrorId 'MicroVmNotFound,MicroVm.Commands.GetMicroVmSnapshotCommand'
        { Get-MicroVmSnapshot -SnapshotId ([guid]::Empty) } | Should -Throw -ErrorId 'SnapshotNotFound,MicroVm.Commands.GetMicroVmSnapshotCommand'
        Get-MicroVmSnapshot nothing* | Should -BeNullOrEmpty
        Get-MicroVmSnapshot -VMName idle | Should -BeNullOrEmpty
    }

    It 'completes the names of the VM that is named' {
        Get-Completion 'Get-MicroVmSnapshot -VMName web -Name ' -Count 4 | Should -Be 'both', 'first', 'second', 'third'
        Get-Completion 'Restore-MicroVm fi' | Should -Be 'first'
    }
}

Describe 'Test-MicroVmSnapshot' {
    It 'finds a snapshot whole and fit for this host' {
        $report = Test-MicroVmSnapshot first
        $report.Name, $report.VMName, $report.IsIntact, $report.FitsHost, $report.IsOk | Should -Be 'first', 'web', $true, $true, $true
        $report.Findings.Name | Should -Contain 'Memory'
        Test-MicroVmSnapshot first -Quiet | Should -BeTrue
        $report | Out-String | Should -Match 'first\s+web\s+Yes\s+Yes'
    }

    It 'finds what was changed' {
        $victim = Save-MicroVmSnapshot victim web
        [System.IO.File]::AppendAllText("$($victim.Path)/state", 'x')
        $report = $victim | Test-MicroVmSnapshot
        $report.IsIntact, $report.FitsHost | Should -Be $false, $true
        ($report.Findings | Where-Object -Not IsOk).Name | Should -Be 'DeviceState'
        $report | Format-List | Out-String -Width 500 | Should -Match 'Findings\s+: \{.*Memory: OK, DeviceState: Its file'
        Test-MicroVmSnapshot -SnapshotId $victim.SnapshotId -Quiet | Should -BeFalse
        $victim | Remove-MicroVmSnapshot
    }

    It 'says what does not exist' {
        { Test-MicroVmSnapshot nothing } | Should -Throw -ErrorId 'SnapshotNotFound,MicroVm.Commands.TestMicroVmSnapshotCommand'
    }
}

Describe 'Remove-MicroVmSnapshot' {
    It 'removes a snapshot by name' {
        Remove-MicroVmSnapshot first | Should -BeNullOrEmpty
        Get-MicroVmSnapshot firs[t] | Should -BeNullOrEmpty
    }

    It 'asks which is meant when several VMs have one of that name' {
        { Remove-MicroVmSnapshot both } | Should -Throw -ErrorId 'AmbiguousSnapshot,MicroVm.Commands.RemoveMicroVmSnapshotCommand'
        (Remove-MicroVmSnapshot both db -PassThru).VMName | Should -Be 'db'
        (Get-MicroVmSnapshot both).VMName | Should -Be 'web'
    }

    It 'removes snapshots from the pipeline' {
        Get-MicroVmSnapshot second, third | Remove-MicroVmSnapshot -Force
        (Get-MicroVmSnapshot -VMName web).Name | Should -Be 'both'
    }

    It 'removes nothing with -WhatIf, not even with -Force' {
        Remove-MicroVmSnapshot * -Force -WhatIf
        @(Get-MicroVmSnapshot).Count | Should -Be 2
    }

    It 'removes snapshots by pattern' {
        Remove-MicroVmSnapshot *
        Get-MicroVmSnapshot | Should -BeNullOrEmpty
    }

    It 'says what does not exist' {
        { Remove-MicroVmSnapshot nothing } | Should -Throw -ErrorId 'SnapshotNotFound,MicroVm.Commands.RemoveMicroVmSnapshotCommand'
    }

    It 'keeps one that the memory of a VM comes from, unless forced' {
        $golden = Save-MicroVmSnapshot golden web
        $null = $golden | Restore-MicroVm -NewName clone -NoFixup
        $golden | Remove-MicroVmSnapshot -ErrorVariable failures -ErrorAction SilentlyContinue
        $failures.FullyQualifiedErrorId | Should -Be 'SnapshotInUse,MicroVm.Commands.RemoveMicroVmSnapshotCommand'
        "$failures" | Should -BeLike "*VM 'clone'*"
        $golden | Remove-MicroVmSnapshot -Force
        (Get-MicroVm clone).State | Should -Be 'Running'
        Remove-MicroVm clone -Force
    }
}
