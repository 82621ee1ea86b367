BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $web = New-MicroVm web
}

AfterAll { Remove-TestHome }

Describe 'Wait-MicroVm' {
    It 'waits until the guest is ready' {
        (Wait-MicroVm web).State | Should -Be 'Running'
        Get-MicroVmLog web | Should -Contain 'microvm: guest ready'
    }

    It 'returns at once when it is ready already' {
        ($web | Wait-MicroVm -For Ready -TimeoutSeconds 0).Name | Should -Be 'web'
    }

    It 'waits for a state' {
        (Wait-MicroVm -Id $web.Id -State Running -TimeoutSeconds 0).State | Should -Be 'Running'
        $null = Suspend-MicroVm web
        (Wait-MicroVm web -State Paused).State | Should -Be 'Paused'
        $null = Resume-MicroVm web
    }

    It 'ends at its limit' {
        { Wait-MicroVm web -State Stopped -TimeoutSeconds 1 } | Should -Throw -ErrorId 'MicroVmTimeout,MicroVm.Commands.WaitMicroVmCommand'
    }

    It 'refuses to wait for two things' {
        { Wait-MicroVm web -For Ready -State Running } | Should -Throw -ErrorId 'InvalidParameterCombination,MicroVm.Commands.WaitMicroVmCommand'
    }

    It 'sees the end of a VM that another process stops' {
        $job = Start-Job {
            Import-Module $using:manifest
            Stop-MicroVm web -TurnOff
        }
        (Wait-MicroVm web -State Stopped -TimeoutSeconds 60).State | Should -Be 'Stopped'
        $copy = $job | Receive-Job -Wait -AutoRemoveJob
        ($copy | Get-MicroVm).Id | Should -Be $web.Id
    }
}
