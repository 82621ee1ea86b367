BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    $common = [System.Management.Automation.Cmdlet]::CommonParameters + [System.Management.Automation.Cmdlet]::OptionalCommonParameters
    $commands = Get-Command -Module MicroVm -CommandType Cmdlet
}

Describe 'The public surface' {
    It 'is the one in BindingTable.txt' {
        $expected = Get-Content (Join-Path $PSScriptRoot 'BindingTable.txt')
        $actual = & (Join-Path $PSScriptRoot 'BindingTable.ps1')
        Compare-Object $expected $actual | ForEach-Object { "$($_.SideIndicator) $($_.InputObject)" } | Should -BeNullOrEmpty
        $actual.Count | Should -Be $expected.Count
    }

    It 'binds no -Name by property name' {
        $commands.ForEach({ $_.Parameters['Name'] }).Where({ $_.ParameterSets.Values.ValueFromPipelineByPropertyName -contains $true }) |
            Should -BeNullOrEmpty
    }

    It 'uses approved verbs and singular nouns' {
        $commands.Verb | Should -BeIn (Get-Verb).Verb
        $commands.Noun | Where-Object { $_ -like '*s' } | Should -BeNullOrEmpty
    }

    It 'takes one value from the pipeline per parameter set' {
        # Invoke-MicroVmCommand takes standard input where the VMs are given, and VMs where they are not.
        foreach ($command in $commands | Where-Object Name -NE 'Invoke-MicroVmCommand') {
            foreach ($set in $command.ParameterSets) {
                @($set.Parameters | Where-Object ValueFromPipeline).Count | Should -BeLessOrEqual 1 -Because "$($command.Name) $($set.Name)"
            }
        }
    }

    It 'confirms every change' {
        $commands | Where-Object Verb -NotIn 'Get', 'Register', 'Test', 'Wait', 'Watch' | ForEach-Object { $_.Parameters.Keys | Should -Contain 'WhatIf' -Because $_.Name }
    }

    It 'has no property Id on a snapshot, which would bind as the id of a VM' {
        [MicroVm.Engine.Snapshots.Snapshot].GetProperty('Id') | Should -BeNullOrEmpty
    }
}

Describe 'What is piped' {
    BeforeAll {
        New-TestHome
        $vm = [MicroVm.Engine.Machines.VirtualMachine]@{ Name = 'web'; Id = [guid]::NewGuid(); State = 'Running' }
        $snapshot = [MicroVm.Engine.Snapshots.Snapshot]@{
            Name = 'golden'; SnapshotId = [guid]::NewGuid(); VMName = 'web'; VMId = $vm.Id; HypervisorVersion = '7.2.0'; Path = '/nowhere'
        }

        function ConvertTo-Deserialized($InputObject) {
            [System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize($InputObject))
        }
    }

    AfterAll { Remove-TestHome }

    It 'is bound as a VM, which is used without looking it up' {
        # What if goes to the host: only another process can read it.
        $script = {
            param($Manifest)
            Import-Module $Manifest
            $vm = [MicroVm.Engine.Machines.VirtualMachine]@{ Name = 'web'; Id = [guid]::NewGuid(); State = 'Running' }
            foreach ($verb in 'Start', 'Suspend', 'Resume', 'Stop', 'Remove') {
                $vm | & "$verb-MicroVm" -WhatIf
            }

            $vm | Save-MicroVmSnapshot golden -WhatIf
        }
        $said = pwsh -NoProfile -NonInteractive -Command $script -args $manifest *>&1
        @($said) -match 'on target "web"' | Should -HaveCount 6
    }

    It 'is bound by its id when it is a deserialised VM, by <_>' -ForEach 'Start', 'Suspend', 'Resume', 'Stop', 'Remove', 'Wait' {
        $copy = ConvertTo-Deserialized $vm
        $command = "$_-MicroVm"
        $copy | & $command -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -BeLike 'MicroVmNotFound,*'
        $failure[0].TargetObject | Should -Be $vm.Id
    }

    It 'is bound by the id of its VM when it is a snapshot, by <_>' -ForEach 'Get', 'Start', 'Suspend', 'Resume', 'Stop', 'Remove', 'Wait' {
        $command = "$_-MicroVm"
        $snapshot | & $command -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -BeLike 'MicroVmNotFound,*'
        $failure[0].TargetObject | Should -Be $snapshot.VMId
    }

    It 'is bound by its own id when it is a deserialised snapshot, by <_>' -ForEach 'Get-MicroVmSnapshot', 'Remove-MicroVmSnapshot', 'Restore-MicroVm' {
        (ConvertTo-Deserialized $snapshot) | & $_ -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -BeLike 'SnapshotNotFound,*'
        $failure[0].TargetObject | Should -Be $snapshot.SnapshotId
    }

    It 'is standard input of Invoke-MicroVmCommand where the VMs are named, and the VMs where they are not' {
        'text' | Invoke-MicroVmCommand web -FilePath cat -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].TargetObject | Should -Be 'web'
        $vm | Invoke-MicroVmCommand -FilePath cat -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].TargetObject | Should -Be $vm.Id
        $snapshot | Invoke-MicroVmCommand -FilePath cat -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].TargetObject | Should -Be $snapshot.VMId
        { $vm | Invoke-MicroVmCommand uname -FilePath cat } | Should -Throw -ErrorId 'InvalidParameterCombination,*'
    }

    It 'is bound to the cmdlets of ports as well, by <Name>' -ForEach @(
        @{ Name = 'Publish-MicroVmPort'; Rest = @{ Port = ':80' } }
        @{ Name = 'Unpublish-MicroVmPort'; Rest = @{} }
    ) {
        foreach ($given in $vm, (ConvertTo-Deserialized $vm), $snapshot, 'web') {
            $given | & $Name @Rest -ErrorVariable failure -ErrorAction SilentlyContinue
            $failure[0].FullyQualifiedErrorId | Should -BeLike 'MicroVmNotFound,*'
        }
    }

    It 'is a port to publish when it was one, or is text or a number' {
        $port = [MicroVm.Engine.PublishedPort]::TryParse('0.0.0.0:53:53/udp')
        $given = @($port, (ConvertTo-Deserialized $port), '8080:80', 80)
        (New-MicroVmSpec -Publish $given).PublishedPorts | ForEach-Object ToString |
            Should -Be '0.0.0.0:53:53/udp', '0.0.0.0:53:53/udp', '127.0.0.1:8080:80/tcp', '127.0.0.1:0:80/tcp'
    }

    It 'is bound as a name when it is text, by <_>' -ForEach 'Get', 'Start', 'Suspend', 'Resume', 'Stop', 'Remove', 'Wait' {
        $command = "$_-MicroVm"
        'web' | & $command -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].FullyQualifiedErrorId | Should -BeLike 'MicroVmNotFound,*'
        $failure[0].TargetObject | Should -Be 'web'
    }
}
