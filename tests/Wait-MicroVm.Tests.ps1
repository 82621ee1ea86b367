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

    It 'waits for the agent, and for something that listens' {
        ($web | Wait-MicroVm -For Agent).Name | Should -Be 'web'
        { Wait-MicroVm web -For Port -Port 8080 -TimeoutSeconds 0 } | Should -Throw -ErrorId 'MicroVmTimeout,*'
        $null = Invoke-MicroVmCommand web httpd -ArgumentList '-p', 8080
        (Wait-MicroVm web -For Port -Port 8080).State | Should -Be 'Running'
    }

    It 'waits for an address no longer than it is told to' {
        { Wait-MicroVm web -For Network -TimeoutSeconds 0 } | Should -Throw -ErrorId 'MicroVmTimeout,*'
    }

    It 'wants a port for Port alone' {
        { Wait-MicroVm web -For Port } | Should -Throw -ErrorId 'InvalidParameterCombination,*'
        { Wait-MicroVm web -Port 80 } | Should -Throw -ErrorId 'InvalidParameterCombination,*'
    }

    It 'waits for the end, however it comes' {
        $short = New-MicroVm short
        $null = $short | Invoke-MicroVmCommand -Script 'poweroff >/dev/null 2>&1 </dev/null &'
        ($short | Wait-MicroVm -For Exit).State | Should -Be 'Stopped'
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
