BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
}

AfterAll { Remove-TestHome }

Describe 'Rename-MicroVm' {
    It 'renames a running VM, which goes on, and its snapshots follow' {
        $web = New-MicroVm web -Wait
        $null = $web | Save-MicroVmSnapshot golden
        $shop = Rename-MicroVm web shop
        $shop.Name | Should -Be 'shop'
        $shop.Id | Should -Be $web.Id
        $shop.ProcessId | Should -Be $web.ProcessId
        (Get-MicroVmSnapshot golden -VMName shop).VMName | Should -Be 'shop'
        Get-MicroVm we[b] | Should -BeNullOrEmpty
        (Invoke-MicroVmCommand shop hostname).StandardOutput.Trim() | Should -Be 'web'
    }

    It 'gives the guest the new name when it boots again' {
        $null = Stop-MicroVm shop -TurnOff | Start-MicroVm -Wait
        (Invoke-MicroVmCommand shop hostname).StandardOutput.Trim() | Should -Be 'shop'
    }

    It 'gives clones their own names, whenever their snapshot was taken' {
        $null = Save-MicroVmSnapshot later shop
        foreach ($snapshot in 'golden', 'later') {
            $null = Restore-MicroVm $snapshot -NewName "of-$snapshot"
            (Invoke-MicroVmCommand "of-$snapshot" hostname).StandardOutput.Trim() | Should -Be "of-$snapshot"
        }

        Remove-MicroVm of-* -Force
    }

    It 'changes case alone' {
        (Rename-MicroVm shop Shop).Name | Should -BeExactly 'Shop'
        (Get-MicroVm shop).Name | Should -BeExactly 'Shop'
    }

    It 'renames by <_>' -ForEach 'VM', 'Id' {
        $vm = New-MicroVm "by-$_" -NoStart
        ($_ -eq 'VM' ? $vm : ($vm | Select-Object Id) | Rename-MicroVm -NewName "renamed-$_").Name | Should -Be "renamed-$_"
    }

    It 'renames several by a script block' {
        $null = New-MicroVm worker -Count 2 -NoStart
        (Get-MicroVm worker-* | Rename-MicroVm -NewName { $_.Name -replace 'worker', 'build' }).Name | Should -Be 'build-1', 'build-2'
    }

    It 'frees the old name' {
        $null = New-MicroVm old -NoStart | Rename-MicroVm -NewName new
        (New-MicroVm old -NoStart).Name | Should -Be 'old'
    }

    It 'refuses <Because>' -ForEach @(
        @{ Because = 'a name that is taken'; Arguments = @{ Name = 'old'; NewName = 'NEW' }; ErrorId = 'MicroVmAlreadyExists' }
        @{ Because = 'a bad name'; Arguments = @{ Name = 'old'; NewName = 'a.b' }; ErrorId = 'InvalidMicroVmSpec' }
        @{ Because = 'several VMs'; Arguments = @{ Name = 'build-*'; NewName = 'one' }; ErrorId = 'InvalidParameterCombination' }
        @{ Because = 'nobody'; Arguments = @{ Name = 'nobody-at-all'; NewName = 'one' }; ErrorId = 'MicroVmNotFound' }
    ) {
        $before = (Get-MicroVm).Name
        { Rename-MicroVm @Arguments } | Should -Throw -ErrorId "$ErrorId,MicroVm.Commands.RenameMicroVmCommand"
        (Get-MicroVm).Name | Should -Be $before
    }

    It 'renames nothing with -WhatIf' {
        Rename-MicroVm old older -WhatIf | Should -BeNullOrEmpty
        (Get-MicroVm old).Name | Should -Be 'old'
    }
}
