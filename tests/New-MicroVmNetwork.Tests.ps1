BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome
}

AfterAll { Remove-TestHome }

Describe 'New-MicroVmNetwork' {
    It 'makes networks and emits them' {
        $made = New-MicroVmNetwork lan, dmz -Description 'The shop'
        $made | Should -BeOfType MicroVm.Engine.NamedNetwork
        $made.Name | Should -Be 'lan', 'dmz'
        $made.Description | Should -Be 'The shop', 'The shop'
        $made.VMName | Should -BeNullOrEmpty
        [math]::Abs(([datetimeoffset]::Now - $made[0].CreatedAt).TotalMinutes) | Should -BeLessThan 1
    }

    It 'makes networks of names from the pipeline' {
        ('left', 'right' | New-MicroVmNetwork).Name | Should -Be 'left', 'right'
    }

    It 'refuses a name that is taken, whatever its case, and goes on' {
        (New-MicroVmNetwork LAN, next -ErrorVariable failure -ErrorAction SilentlyContinue).Name | Should -Be 'next'
        $failure[0].FullyQualifiedErrorId | Should -Be 'NetworkAlreadyExists,MicroVm.Commands.NewMicroVmNetworkCommand'
        $failure[0].CategoryInfo.Category | Should -Be 'ResourceExists'
        $failure[0].TargetObject | Should -Be 'LAN'
    }

    It 'refuses <Because>' -ForEach @(
        @{ Because = 'a path'; Name = '../lan' }
        @{ Because = 'a hyphen first'; Name = '-lan' }
        @{ Because = 'a long name'; Name = 'x' * 64 }
        @{ Because = 'a mode'; Name = 'nat' }
        @{ Because = 'what stands for no network'; Name = 'None' }
        @{ Because = 'an escape sequence as a description'; Name = 'plain'; Description = "`e[0m" }
    ) {
        $arguments = @{ Name = $Name }
        if ($Description) {
            $arguments.Description = $Description
        }

        { New-MicroVmNetwork @arguments } | Should -Throw -ErrorId 'InvalidMicroVmSpec,MicroVm.Commands.NewMicroVmNetworkCommand'
        (Get-MicroVmNetwork).Name | Should -Not -Contain $Name
    }

    It 'makes nothing with -WhatIf' {
        New-MicroVmNetwork never -WhatIf | Should -BeNullOrEmpty
        Get-MicroVmNetwork never* | Should -BeNullOrEmpty
    }
}
