BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $web = New-MicroVm web -Wait
    $golden = $web | Save-MicroVmSnapshot golden
}

AfterAll { Remove-TestHome }

Describe 'Restore-MicroVm in place' {
    It 'rolls a running VM back by name' {
        $vm = Restore-MicroVm golden -Force
        $vm.Id | Should -Be $web.Id
        $vm.State | Should -Be 'Running'
        $vm.RestoredFromSnapshotId | Should -Be $golden.SnapshotId
    }

    It 'rolls a VM back by object, and leaves it paused if asked' {
        ($golden | Restore-MicroVm -LeaveSuspended -Confirm:$false).State | Should -Be 'Paused'
        (Resume-MicroVm web).State | Should -Be 'Running'
    }

    It 'rolls a stopped VM back to its latest snapshot' {
        $latest = $web | Save-MicroVmSnapshot latest
        ($web | Stop-MicroVm -TurnOff | Restore-MicroVm -Force).RestoredFromSnapshotId | Should -Be $latest.SnapshotId
        ($web | Restore-MicroVm golden -Force).RestoredFromSnapshotId | Should -Be $golden.SnapshotId
    }

    It 'asks first' {
        $before = Get-MicroVm web
        $script = {
            param($Manifest)
            Import-Module $Manifest
            Restore-MicroVm golden -ErrorAction SilentlyContinue
        }
        $null = pwsh -NoProfile -NonInteractive -Command $script -args $manifest 2>&1
        (Get-MicroVm web).ProcessId | Should -Be $before.ProcessId
    }

    It 'changes nothing with -WhatIf, not even with -Force' {
        $before = Get-MicroVm web
        Restore-MicroVm golden -Force -WhatIf | Should -BeNullOrEmpty
        (Get-MicroVm web).ProcessId | Should -Be $before.ProcessId
    }
}

Describe 'Restore-MicroVm to new VMs' {
    It 'makes a clone without asking' {
        $clone = Restore-MicroVm golden -NewName clone
        $clone.Name | Should -Be 'clone'
        $clone.Id | Should -Not -Be $web.Id
        $clone.State | Should -Be 'Running'
        $clone.MemoryBytes | Should -Be $web.MemoryBytes
        (Get-MicroVm web).State | Should -Be 'Running'
    }

    It 'tells what was put right in a clone, here and in another process' {
        $fixups = (Get-MicroVm clone).Fixups
        $fixups.Name | Should -Be 'Entropy', 'Clock', 'HostName', 'MachineId', 'SshHostKeys', 'Network'
        $fixups[0..3].Result | Should -Be 'Done', 'Done', 'Done', 'Done'
        (Get-MicroVm clone | ConvertTo-Json -Depth 4 | ConvertFrom-Json).Fixups[2].Detail | Should -Be "It is 'clone' now."
        $script = {
            param($Manifest)
            Import-Module $Manifest
            Get-MicroVm clone | Format-List
        }
        pwsh -NoProfile -NonInteractive -Command $script -args $manifest | Out-String | Should -Match 'Fixups\s+: Entropy Done, Clock Done'
        (Invoke-MicroVmCommand clone hostname).StandardOutput.Trim() | Should -Be 'clone'
    }

    It 'puts nothing right with -NoFixup' {
        $raw = Restore-MicroVm golden -NewName raw -NoFixup -WarningVariable warnings
        $raw.Fixups.Result | Select-Object -Unique | Should -Be 'Skipped'
        $warnings | Should -BeNullOrEmpty
        (Invoke-MicroVmCommand raw hostname).StandardOutput.Trim() | Should -Be 'web'
        Remove-MicroVm raw -Force
    }

    It 'keeps SSH host keys if asked' {
        $kept = Restore-MicroVm golden -NewName kept -SshHostKey Keep
        ($kept.Fixups | Where-Object Name -EQ 'SshHostKeys').Detail | Should -Be 'They are kept.'
        Remove-MicroVm kept -Force
    }

    It 'makes clones of several names' {
        ($golden | Restore-MicroVm -NewName left, right -LeaveSuspended).Name | Should -Be 'left', 'right'
        (Get-MicroVm left, right).State | Should -Be 'Paused', 'Paused'
        Remove-MicroVm left, right -Force
    }

    It 'numbers clones and skips names that are taken' {
        $null = New-MicroVm web-2 -NoStart
        ($golden | Restore-MicroVm -Count 2).Name | Should -Be 'web-1', 'web-3'
        Remove-MicroVm web-* -Force
    }

    It 'makes many clones at a time and misses none' {
        $clones = $golden | Restore-MicroVm -NewName crowd -Count 12 -ThrottleLimit 12 -NoFixup
        $clones.Name | Should -Be (1..12 | ForEach-Object { "crowd-$_" })
        @($clones | Where-Object { (Get-Process -Id $_.ProcessId -ErrorAction Ignore) -and $_.State -eq 'Running' }) | Should -HaveCount 12
        $clones | Remove-MicroVm -Force
    }

    It 'takes back what it made and not yet handed out when it is stopped' {
        $shell = [powershell]::Create()
        $null = $shell.AddScript('param($Manifest) Import-Module $Manifest; Restore-MicroVm golden web -NewName stopped -Count 20 -ThrottleLimit 4 -NoFixup | ForEach-Object { $_.Name }')
        $null = $shell.AddArgument("$manifest")
        $handedOut = [System.Management.Automation.PSDataCollection[psobject]]::new()
        $run = $shell.BeginInvoke([System.Management.Automation.PSDataCollection[psobject]]::new(), $handedOut)
        Wait-UntilTrue { @(Get-MicroVm stopped-*).Count -ge 5 }
        $shell.Stop()
        $run.IsCompleted | Should -BeTrue
        $shell.Dispose()
        @((Get-MicroVm stopped-*).Name) | Where-Object { $_ -notin @($handedOut) } | Should -BeNullOrEmpty
        $handedOut.Count | Should -BeLessThan 20
        Get-MicroVm stopped-* | Remove-MicroVm -Force
    }

    It 'numbers clones of a given name' {
        ($golden | Restore-MicroVm -NewName copy -Count 2).Name | Should -Be 'copy-1', 'copy-2'
        Remove-MicroVm copy-* -Force
    }

    It 'refuses a name that is taken' {
        { Restore-MicroVm golden -NewName web } | Should -Throw -ErrorId 'MicroVmAlreadyExists,MicroVm.Commands.RestoreMicroVmCommand'
    }

    It 'refuses several names with -Count' {
        { Restore-MicroVm golden -NewName a, b -Count 2 } |
            Should -Throw -ErrorId 'InvalidParameterCombination,MicroVm.Commands.RestoreMicroVmCommand'
    }

    It 'refuses ports for a VM that is rolled back, and for one without a network' {
        { Restore-MicroVm golden -Publish :80 -Force } | Should -Throw -ErrorId 'InvalidParameterCombination,MicroVm.Commands.RestoreMicroVmCommand'
        { Restore-MicroVm golden -NewName never -Publish :80 } | Should -Throw -ErrorId 'NetworkNotSupported,MicroVm.Commands.RestoreMicroVmCommand'
        Get-MicroVm never* | Should -BeNullOrEmpty
    }

    It 'makes nothing with -WhatIf' {
        Restore-MicroVm golden -Count 2 -WhatIf | Should -BeNullOrEmpty
        Get-MicroVm web-* | Should -BeNullOrEmpty
    }

    It 'asks which is meant when several VMs have a snapshot of that name' {
        $null = Get-MicroVm clone | Save-MicroVmSnapshot golden
        { Restore-MicroVm golden -NewName never } | Should -Throw -ErrorId 'AmbiguousSnapshot,MicroVm.Commands.RestoreMicroVmCommand'
        (Restore-MicroVm golden clone -NewName second-generation).State | Should -Be 'Running'
    }

    It 'says what does not exist' {
        { Restore-MicroVm nothing } | Should -Throw -ErrorId 'SnapshotNotFound,MicroVm.Commands.RestoreMicroVmCommand'
        { New-MicroVm fresh -NoStart | Restore-MicroVm } | Should -Throw -ErrorId 'SnapshotNotFound,MicroVm.Commands.RestoreMicroVmCommand'
    }

    It 'restores after the VM is gone' {
        Remove-MicroVm web -Force
        (Restore-MicroVm latest -NewName heir).State | Should -Be 'Running'
    }
}
