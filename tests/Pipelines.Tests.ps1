BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
}

AfterAll { Remove-TestHome }

Describe 'Pipelines' {
    It 'create, suspend, save and resume' {
        $vm = New-MicroVm web -Wait | Suspend-MicroVm | Save-MicroVmSnapshot golden | Resume-MicroVm
        $vm.Name | Should -Be 'web'
        $vm.State | Should -Be 'Running'
        (Get-MicroVmSnapshot golden).VMId | Should -Be $vm.Id
    }

    It 'clone from a snapshot, then remove the clones' {
        $clones = Get-MicroVmSnapshot golden | Restore-MicroVm -Count 2
        $clones.State | Should -Be 'Running', 'Running'
        $clones | Remove-MicroVm -Force -PassThru | Should -HaveCount 2
        (Get-MicroVm).Name | Should -Be 'web'
    }

    It 'keep going with other VMs when one is gone' {
        $vms = New-MicroVm a, b, c -NoStart
        Remove-MicroVm b -Force
        $started = $vms | Start-MicroVm -ErrorVariable failure -ErrorAction SilentlyContinue
        $started.Name | Should -Be 'a', 'c'
        $failure | Should -HaveCount 1
        $failure[0].FullyQualifiedErrorId | Should -Be 'MicroVmNotFound,MicroVm.Commands.StartMicroVmCommand'
        Remove-MicroVm a, c -Force
    }

    It 'work on a VM from another process' {
        $job = Start-Job {
            Import-Module $using:manifest
            New-MicroVm from-job
        }
        $copy = $job | Receive-Job -Wait -AutoRemoveJob
        $copy | Should -Not -BeOfType MicroVm.Engine.Machines.VirtualMachine
        ($copy | Suspend-MicroVm).State | Should -Be 'Paused'
        ($copy | Save-MicroVmSnapshot of-copy).VMName | Should -Be 'from-job'
        $copy | Remove-MicroVm -Force
        Get-MicroVm from-jo[b] | Should -BeNullOrEmpty
    }

    It 'take what comes of JSON by its ids' {
        $vm = Get-MicroVm web | ConvertTo-Json | ConvertFrom-Json
        ($vm | Get-MicroVm).Id | Should -Be $vm.Id
        ($vm | Set-MicroVm -Description 'by JSON').Description | Should -Be 'by JSON'
        $snapshot = Get-MicroVmSnapshot golden | ConvertTo-Json | ConvertFrom-Json
        $snapshot | Test-MicroVmSnapshot -Quiet | Should -BeTrue
        ($snapshot | Get-MicroVm).Name | Should -Be 'web'
        $copy = $snapshot | Copy-MicroVm -NoStart
        $copy.Name | Should -Be 'web-1'
        $copy | ConvertTo-Json | ConvertFrom-Json | Remove-MicroVm -Force
        Get-MicroVm 'web-[1]' | Should -BeNullOrEmpty
        { Get-MicroVm -Id nonsense } | Should -Throw -ErrorId 'CannotConvertArgumentNoMessage,MicroVm.Commands.GetMicroVmCommand'
    }

    It 'run side by side with ForEach-Object -Parallel' {
        $vms = 'p1', 'p2' | ForEach-Object -Parallel {
            Import-Module $using:manifest
            New-MicroVm $_ -Wait
        } -ThrottleLimit 2
        $vms.State | Should -Be 'Running', 'Running'
        $vms | Remove-MicroVm -Force
    }

    It 'take back what they made and not yet handed out when they are stopped <When>' -ForEach @(
        @{ When = 'while they create'; Count = 1 }
        @{ When = 'while they wait'; Count = 3 }
    ) {
        $shell = [powershell]::Create()
        $null = $shell.AddScript('param($Manifest) Import-Module $Manifest; New-MicroVm stopped -Count 3 -Wait').AddArgument("$manifest")
        $run = $shell.BeginInvoke()
        Wait-UntilTrue { @(Get-MicroVm stopped-*).Count -ge $Count }
        $shell.Stop()
        $run.IsCompleted | Should -BeTrue
        $shell.Dispose()
        Get-MicroVm stopped-* | Should -BeNullOrEmpty
    }

    It 'take back what they made and not yet handed out when a downstream cmdlet has enough' {
        (New-MicroVm enough -Count 2 -Wait | Select-Object -First 1).Name | Should -Be 'enough-1'
        (Get-MicroVm).Name | Should -Not -Contain 'enough-2'
        Remove-MicroVm enough-1 -Force
    }

    It 'change neither the location nor the environment' {
        $before = Get-ChildItem env: | ForEach-Object { "$($_.Name)=$($_.Value)" }
        $location = (Get-Location).Path
        $null = New-MicroVm unobtrusive | Stop-MicroVm -TurnOff | Remove-MicroVm -Force
        Get-ChildItem env: | ForEach-Object { "$($_.Name)=$($_.Value)" } | Should -Be $before
        (Get-Location).Path | Should -Be $location
    }
}
