BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $web = New-MicroVm web -NoStart -Tag @{ Role = 'front'; tier = 2 } -Description 'The shop'
    $null = New-MicroVm db -NoStart -Tag @{ role = 'back' }
    $null = New-MicroVm plain -NoStart
}

AfterAll { Remove-TestHome }

Describe 'Tags and descriptions' {
    It 'are given by New-MicroVm, and kept' {
        $vm = Get-MicroVm web
        $vm.Tags['ROLE'] | Should -Be 'front'
        $vm.Tags.tier | Should -BeExactly '2'
        $vm.Description | Should -Be 'The shop'
        (Get-MicroVm plain).Tags.Count | Should -Be 0
    }

    It 'find VMs: <Tag>' -ForEach @(
        @{ Tag = @{ role = '*' }; Names = 'db', 'web' }
        @{ Tag = @{ ROLE = 'FRONT' }; Names = , 'web' }
        @{ Tag = @{ role = 'f*'; tier = 2 }; Names = , 'web' }
        @{ Tag = @{ role = '*'; tier = 3 }; Names = @() }
        @{ Tag = @{ role = 'back', 'side' }; Names = , 'db' }
        @{ Tag = @{}; Names = 'db', 'plain', 'web' }
    ) {
        @((Get-MicroVm -Tag $Tag).Name) -join ' ' | Should -Be ($Names -join ' ')
    }

    It 'survive JSON and remoting' {
        $json = $web | ConvertTo-Json | ConvertFrom-Json
        $json.Tags.Role | Should -Be 'front'
        $copy = [System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize($web))
        $copy.Tags['role'] | Should -Be 'front'
        $web, $copy | ForEach-Object { $_ | Format-List | Out-String | Should -Match 'Tags\s+: .*Role=front, tier=2' }
    }
}

Describe 'Set-MicroVm' {
    It 'replaces all tags and leaves the description' {
        $vm = Set-MicroVm web -Tag ([ordered]@{ owner = 'me' })
        $vm.Tags.Keys | Should -Be 'owner'
        $vm.Description | Should -Be 'The shop'
    }

    It 'changes the description and leaves the tags, by <_>' -ForEach 'VM', 'Id' {
        $vm = ($_ -eq 'VM' ? $web : ($web | Select-Object Id)) | Set-MicroVm -Description "by $_"
        $vm.Description | Should -Be "by $_"
        $vm.Tags.Keys | Should -Be 'owner'
    }

    It 'takes the tags of another VM, and finds VMs by them' {
        $null = Set-MicroVm plain -Tag (Get-MicroVm db).Tags
        (Get-MicroVm plain).Tags['role'] | Should -Be 'back'
        (Get-MicroVm -Tag (Get-MicroVm db).Tags).Name | Should -Be 'db', 'plain'
        (New-MicroVmSpec -Tag (Get-MicroVm db).Tags).Tags['role'] | Should -Be 'back'
        (Set-MicroVm plain -Tag @{}).Tags.Count | Should -Be 0
    }

    It 'refuses keys that have the same text' {
        $table = @{ 1 = 'number' }
        $table['1'] = 'text'
        Set-MicroVm plain -Tag $table -ErrorVariable failure -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $failure[0].FullyQualifiedErrorId | Should -Be 'InvalidMicroVmSpec,MicroVm.Commands.SetMicroVmCommand'
        New-MicroVm never -NoStart -Tag $table -ErrorVariable failure -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $failure[0].FullyQualifiedErrorId | Should -Be 'InvalidMicroVmSpec,MicroVm.Commands.NewMicroVmCommand'
    }

    It 'clears both' {
        $vm = Set-MicroVm web -Tag @{} -Description ''
        $vm.Tags.Count | Should -Be 0
        $vm.Description | Should -BeNullOrEmpty
        Get-Content (Join-Path (Split-Path $vm.SerialLogPath) 'vm.json') -Raw | Should -Not -Match '"tags"|"description"'
    }

    It 'changes running VMs, whose clones inherit what the snapshot has' {
        $null = Start-MicroVm web -Wait
        (Set-MicroVm web -Tag @{ role = 'saved' } -Description 'then').State | Should -Be 'Running'
        $golden = Save-MicroVmSnapshot golden web
        $null = Set-MicroVm web -Tag @{ role = 'later' }
        $clone = $golden | Restore-MicroVm -NewName clone -NoFixup
        $clone.Tags['role'] | Should -Be 'saved'
        $clone.Description | Should -Be 'then'
        ($golden | Restore-MicroVm -Force -NoFixup).Tags['role'] | Should -Be 'later'
    }

    It 'refuses <Because>' -ForEach @(
        @{ Because = 'a key with a line feed'; Change = @{ Tag = @{ "a`nb" = 1 } } }
        @{ Because = 'an empty key'; Change = @{ Tag = @{ '' = 1 } } }
        @{ Because = 'a long value'; Change = @{ Tag = @{ a = 'x' * 257 } } }
        @{ Because = 'an escape sequence'; Change = @{ Description = "`e[0m" } }
    ) {
        $before = Get-MicroVm db | ConvertTo-Json
        { Set-MicroVm db @Change } | Should -Throw -ErrorId 'InvalidMicroVmSpec,MicroVm.Commands.SetMicroVmCommand'
        Get-MicroVm db | ConvertTo-Json | Should -Be $before
    }

    It 'refuses to set nothing' {
        { Set-MicroVm db } | Should -Throw -ErrorId 'InvalidParameterCombination,MicroVm.Commands.SetMicroVmCommand'
    }

    It 'sets nothing with -WhatIf' {
        Set-MicroVm db -Tag @{} -WhatIf | Should -BeNullOrEmpty
        (Get-MicroVm db).Tags['role'] | Should -Be 'back'
    }
}

Describe 'Set-MicroVm -EgressPolicy' {
    BeforeAll {
        $obstacle = Get-NetworkObstacle
        $network = $obstacle ? $null : (New-TestNetwork)
        $null = New-MicroVm guarded -Network Nat -NoStart
    }

    AfterAll { Remove-TestNetwork $network }

    It 'replaces the whole policy and leaves the rest' {
        $null = Set-MicroVm guarded -Description 'The safe'
        (Set-MicroVm guarded -EgressPolicy Open, 'Deny 203.0.113.0/24').EgressPolicy | Should -Be 'Deny 203.0.113.0/24; Open'
        $vm = Set-MicroVm guarded -EgressPolicy none
        $vm.EgressPolicy, $vm.Description | Should -Be 'None', 'The safe'
    }

    It 'refuses VMs whose network has none, what is no policy, and changes nothing with -WhatIf' {
        { Set-MicroVm plain -EgressPolicy None } | Should -Throw -ErrorId 'NetworkNotSupported,MicroVm.Commands.SetMicroVmCommand'
        { Set-MicroVm guarded -EgressPolicy everywhere } | Should -Throw -ErrorId 'ParameterArgumentTransformationError,*'
        Set-MicroVm guarded -EgressPolicy Open -WhatIf | Should -BeNullOrEmpty
        (Get-MicroVm guarded).EgressPolicy | Should -Be 'None'
    }

    It 'completes the bases' {
        Get-Completion 'Set-MicroVm web -EgressPolicy ' -Count 3 | Should -Be 'Internet', 'None', 'Open'
    }

    It 'changes the egress policy of a guest that runs' {
        if ($obstacle) {
            Set-ItResult -Skipped -Because $obstacle
            return
        }

        $seen = Invoke-InTestNetwork $network {
            # Nobody listens there: who gets through is refused by the world, who does not by the policy.
            function Get-Answer { "$((Invoke-MicroVmCommand guarded -Script 'wget -q -O - http://203.0.113.1/ 2>&1').StandardOutput)" }

            $null = Start-MicroVm guarded -Wait -WarningAction SilentlyContinue
            Get-Answer
            foreach ($policy in 'Internet', 'Deny tcp 203.0.113.0/24:80', 'Allow tcp 203.0.113.1:80') {
                $null = Set-MicroVm guarded -EgressPolicy $policy
                Get-Answer
            }
        }
        $seen[0] | Should -BeLike '*No route to host*'
        $seen[1] | Should -BeLike '*Connection refused*'
        $seen[2] | Should -BeLike '*No route to host*'
        $seen[3] | Should -BeLike '*Connection refused*'
    }
}
