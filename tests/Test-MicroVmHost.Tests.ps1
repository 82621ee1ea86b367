BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome
}

AfterAll { Remove-TestHome }

Describe 'Test-MicroVmHost' {
    It 'says what it checked' {
        $checks = Test-MicroVmHost
        $checks | Should -BeOfType MicroVm.Engine.Hosts.HostCheck
        $checks.Name | Should -Contain 'Qemu'
        $checks.Name | Should -Contain 'Kvm'
        $checks.Detail | Should -Not -Contain ''
    }

    It 'says what networks need, without which VMs work' {
        $names = 'NetworkRights', 'Tap', 'Nft', 'OtherFirewalls', 'NetworkDrivers', 'Forwarding', 'Passt', 'Resolver'
        $checks = Test-MicroVmHost | Where-Object Name -In $names
        $checks.Name | Should -Be $names
        $checks.Status | Should -Not -Contain 'Failed'
        $checks | Where-Object Status -EQ 'Warning' | ForEach-Object { $_.Fix | Should -Not -BeNullOrEmpty -Because $_.Name }
    }

    It 'has a fix for what failed' {
        Test-MicroVmHost | Where-Object Status -EQ 'Failed' | ForEach-Object { $_.Fix | Should -Not -BeNullOrEmpty -Because $_.Name }
    }

    It 'says only whether VMs work with -Quiet' {
        $works = Test-MicroVmHost -Quiet
        $works | Should -BeOfType bool
        $works | Should -Be (@(Test-MicroVmHost).Status -notcontains 'Failed')
    }
}
