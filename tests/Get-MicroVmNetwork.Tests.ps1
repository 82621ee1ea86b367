BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $null = New-MicroVmNetwork lan, Dmz, empty
    $null = New-MicroVm web, db -Network lan -NoStart
    $null = New-MicroVm edge -Network dmz -NoStart
}

AfterAll { Remove-TestHome }

Describe 'Get-MicroVmNetwork' {
    It 'gets all networks in the order of their names, with the VMs in them' {
        $all = Get-MicroVmNetwork
        $all.Name | Should -Be 'Dmz', 'empty', 'lan'
        $all[0].VMName | Should -Be 'edge'
        $all[1].VMName | Should -BeNullOrEmpty
        $all[2].VMName | Should -Be 'db', 'web'
        $all[2].VMName[1] | Should -Be 'web'
    }

    It 'gets networks by name, pattern and from the pipeline, without regard to case' {
        (Get-MicroVmNetwork LAN).Name | Should -Be 'lan'
        (Get-MicroVmNetwork e*, d*).Name | Sort-Object | Should -Be 'Dmz', 'empty'
        ('lan', 'dmz' | Get-MicroVmNetwork).Name | Should -Be 'lan', 'Dmz'
        Get-MicroVmNetwork nothing* | Should -BeNullOrEmpty
    }

    It 'reports a name that no network has' {
        $name = New-UnknownName
        { Get-MicroVmNetwork $name } | Should -Throw -ErrorId 'NetworkNotFound,MicroVm.Commands.GetMicroVmNetworkCommand'
    }

    It 'says which networks a VM is in by the name the network was made with' {
        (Get-MicroVm edge).NetworkInterfaces.Name | Should -Be 'Dmz'
        "$((Get-MicroVm edge).NetworkInterfaces)" | Should -Be 'Dmz'
    }

    It 'completes names' {
        Get-Completion 'Get-MicroVmNetwork -Name ' -Count 3 | Should -Be 'Dmz', 'empty', 'lan'
        Get-Completion 'Remove-MicroVmNetwork l' | Should -Be 'lan'
        Get-Completion 'New-MicroVm -Network ' -Count 8 | Should -Be 'Bridge', 'Dmz', 'empty', 'lan', 'Nat', 'None', 'Tap', 'User'
        Get-Completion 'New-MicroVmSpec -Network em' | Should -Be 'empty'
    }

    It 'names a file that is damaged' {
        Set-Content (Join-Path $env:MICROVM_HOME 'data/network/networks/bad.json') '{'
        try {
            { Get-MicroVmNetwork } | Should -Throw -ErrorId 'StateCorrupt,*'
        }
        finally {
            Remove-Item (Join-Path $env:MICROVM_HOME 'data/network/networks/bad.json')
        }
    }
}
