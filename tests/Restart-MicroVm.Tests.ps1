BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $web = New-MicroVm web -Wait
}

AfterAll { Remove-TestHome }

Describe 'Restart-MicroVm' {
    It 'shuts the guest down, boots it again and waits for it' {
        $null = Invoke-MicroVmCommand web -Script 'echo kept >/root/note; sync; echo lost >/run/note'
        $vm = Restart-MicroVm web -Wait
        $vm.State | Should -Be 'Running'
        $vm.Id | Should -Be $web.Id
        $vm.ProcessId | Should -Not -Be $web.ProcessId
        (Invoke-MicroVmCommand web -Script 'cat /root/note; cat /run/note').StandardOutput | Should -Be "kept`n"
    }

    It 'restarts at once with -TurnOff, by <_>' -ForEach 'VM', 'Id' {
        $before = Get-MicroVm web
        $vm = ($_ -eq 'VM' ? $before : ($before | Select-Object Id)) | Restart-MicroVm -TurnOff
        $vm.State | Should -Be 'Running'
        $vm.ProcessId | Should -Not -Be $before.ProcessId
    }

    It 'leaves a VM running whose guest does not comply in time, and restarts it with -Force' {
        $before = Get-MicroVm web
        { Restart-MicroVm web -TimeoutSeconds 0 } | Should -Throw -ErrorId 'MicroVmTimeout,MicroVm.Commands.RestartMicroVmCommand'
        (Get-MicroVm web).ProcessId | Should -Be $before.ProcessId
        (Restart-MicroVm web -Force -TimeoutSeconds 0).ProcessId | Should -Not -Be $before.ProcessId
    }

    It 'restarts a paused VM with -Force alone' {
        $null = Suspend-MicroVm web
        { Restart-MicroVm web } | Should -Throw -ErrorId 'InvalidMicroVmState,MicroVm.Commands.RestartMicroVmCommand'
        (Restart-MicroVm web -Force).State | Should -Be 'Running'
    }

    It 'restarts nothing with -WhatIf' {
        $before = Get-MicroVm web
        Restart-MicroVm web -Force -WhatIf | Should -BeNullOrEmpty
        (Get-MicroVm web).ProcessId | Should -Be $before.ProcessId
    }

    It 'refuses a stopped VM, and says what to do' {
        $null = Stop-MicroVm web -TurnOff
        Restart-MicroVm web -ErrorVariable failure -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $failure[0].FullyQualifiedErrorId | Should -Be 'InvalidMicroVmState,MicroVm.Commands.RestartMicroVmCommand'
        $failure[0].ErrorDetails.RecommendedAction | Should -BeLike 'Start-MicroVm*'
    }
}
