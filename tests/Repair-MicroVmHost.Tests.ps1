BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome

    # Number and start of a process that cannot be, as names of unfinished work have them.
    $dead = '4194305-1'

    function New-Leftover {
        [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
        param([string] $Path)

        (New-Item (Join-Path $env:MICROVM_HOME $Path) -ItemType Directory -Force).FullName
    }
}

AfterAll { Remove-TestHome }

Describe 'Repair-MicroVmHost' {
    It 'emits nothing where nothing is to be repaired' {
        Repair-MicroVmHost | Should -BeNullOrEmpty
    }

    It 'changes nothing and emits nothing with -WhatIf' {
        $path = New-Leftover "data/vms/.staging-0123-$dead"
        Repair-MicroVmHost -WhatIf | Should -BeNullOrEmpty
        $path | Should -Exist
    }

    It 'removes what a VM that was never finished has left' {
        $id = [guid]::NewGuid().ToString('N')
        $unfinished = New-Leftover "data/vms/$id"
        $null = New-Item "$env:MICROVM_HOME/data/names" -ItemType Directory -Force
        $null = New-Item "$env:MICROVM_HOME/data/names/web" -ItemType SymbolicLink -Target "../vms/$id"
        $staging = New-Leftover "data/snapshots/.staging-$id-$dead"

        $done = Repair-MicroVmHost
        $done | Should -BeOfType MicroVm.Engine.Machines.RepairAction
        $done.Result | Select-Object -Unique | Should -Be 'Done'
        $done.Target | Should -Contain $unfinished
        $done.Target | Should -Contain $staging
        $unfinished, $staging, "$env:MICROVM_HOME/data/names/web" | Should -Not -Exist
        Repair-MicroVmHost | Should -BeNullOrEmpty
    }

    It 'leaves and reports what may be somebody else''s' {
        $path = New-Leftover 'run/0123456789ab'
        try {
            $left = Repair-MicroVmHost -Verbose 4>&1
            $object = $left | Where-Object { $_ -isnot [System.Management.Automation.VerboseRecord] }
            $object.Kind | Should -Be 'OrphanedRun'
            $object.Result | Should -Be 'Left'
            $object.Target | Should -Be $path
            $left | Where-Object { $_ -is [System.Management.Automation.VerboseRecord] } | Should -Not -BeNullOrEmpty
            $path | Should -Exist
            Repair-MicroVmHost -WhatIf | Should -BeNullOrEmpty
        }
        finally {
            Remove-Item $path
        }
    }

    It 'shows a table' {
        $null = New-Leftover "data/vms/.staging-0123-$dead"
        $text = Repair-MicroVmHost | Out-String -Width 200
        $text | Should -Match 'Kind\s+Result\s+Target'
        $text | Should -Match 'UnfinishedMachine\s+Done\s+\S+/\.staging-0123-4194305-1: The process that was making it is dead\.'
    }

    It 'reports a failure as an error about what failed, and goes on' {
        $path = New-Leftover "data/vms/.staging-0123-$dead"
        $other = New-Leftover "data/vms/.removed-0123"
        # Nobody can delete where something is mounted.
        $mount = (New-Item "$path/mounted" -ItemType Directory).FullName
        mount -t tmpfs tmpfs $mount
        if ($LASTEXITCODE) {
            Remove-Item $path, $other -Recurse
            Set-ItResult -Skipped -Because 'only root may mount'
            return
        }

        try {
            $done = Repair-MicroVmHost -ErrorAction SilentlyContinue -ErrorVariable failure
            $failure[0].FullyQualifiedErrorId | Should -BeLike 'StorageFailed,*'
            ($done | Where-Object Target -EQ $path).Result | Should -Be 'Failed'
            ($done | Where-Object Target -EQ $path).Error | Should -Not -BeNullOrEmpty
            $other | Should -Not -Exist
        }
        finally {
            umount $mount
        }

        (Repair-MicroVmHost).Result | Should -Be 'Done'
    }
}

Describe 'Repair-MicroVmHost of networks' {
    It 'frees addresses and ports that no VM has' {
        $id = [guid]::NewGuid().ToString('N')
        $claims = 'slots/7', 'ports/tcp-8080-127.0.0.1' | ForEach-Object { Join-Path $env:MICROVM_HOME "data/network/$_" }
        foreach ($claim in $claims) {
            $null = New-Item (Split-Path $claim) -ItemType Directory -Force
            $null = New-Item $claim -ItemType SymbolicLink -Target "../../vms/$id"
        }

        $done = Repair-MicroVmHost
        $done.Kind | Should -Be 'StaleNetworkClaim', 'StaleNetworkClaim'
        $done.Result | Should -Be 'Done', 'Done'
        $done.Target | Should -Be 'slot 7', 'port tcp-8080-127.0.0.1'
        Get-ChildItem $claims -ErrorAction Ignore | Should -BeNullOrEmpty
        Repair-MicroVmHost | Should -BeNullOrEmpty
    }

    It 'puts a VM that runs back into a packet filter that was flushed' {
        if ($obstacle = Get-NetworkObstacle) {
            Set-ItResult -Skipped -Because $obstacle
            return
        }

        Copy-TestImage
        $network = New-TestNetwork
        try {
            $seen = Invoke-InTestNetwork $network {
                $vm = New-MicroVm web -Network Nat -Publish :80 -WarningAction SilentlyContinue
                $link = $vm.NetworkInterfaces[0].HostDevice
                nft delete table inet microvm
                $done = @(Repair-MicroVmHost)
                [pscustomobject]@{
                    Kind  = @($done.Kind)
                    State = @($done.Result)
                    Known = "$(nft list map inet microvm sources4)".Contains("`"$link`" : $($vm.IPAddress)")
                    Again = @(Repair-MicroVmHost).Count
                }
            }
            $seen.Kind | Should -Be 'MissingFirewallEntry'
            $seen.State | Should -Be 'Done'
            $seen.Known | Should -BeTrue
            $seen.Again | Should -Be 0
        }
        finally {
            Remove-TestNetwork $network
        }
    }
}
