BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    # Of no guest is anything expected here but that its VMM runs.
    $small = @{ MemoryBytes = 128MB }

    function Start-Watching {
        <# Watches in a thread of its own until as many changes have come, and says when it has begun. #>
        [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
        param([int] $Count, [hashtable] $Parameter = @{})

        $script = {
            param($Manifest, $Count, $Parameter)
            Import-Module $Manifest
            Watch-MicroVm @Parameter -TimeoutSeconds 60 | Select-Object -First $Count
        }
        $watches = @(Get-InotifyWatch).Count
        $job = Start-ThreadJob $script -ArgumentList $manifest, $Count, $Parameter
        Wait-UntilTrue { @(Get-InotifyWatch).Count -gt $watches }
        $job
    }

    function Get-InotifyWatch {
        foreach ($file in Get-ChildItem /proc/self/fdinfo -ErrorAction Ignore) {
            Get-Content $file -ErrorAction Ignore | Where-Object { $_ -like 'inotify *' }
        }
    }
}

AfterAll { Remove-TestHome }

Describe 'Watch-MicroVm' {
    It 'emits what becomes of VMs, whoever did it' {
        $job = Start-Watching 6
        $script = {
            param($Manifest)
            Import-Module $Manifest
            $null = New-MicroVm web -MemoryBytes 128MB | Suspend-MicroVm
        }
        $null = pwsh -NoProfile -NonInteractive -Command $script -args $manifest
        $vm = Get-MicroVm web
        $null = Resume-MicroVm web
        Stop-Process -Id $vm.ProcessId -Force
        Wait-UntilTrue { (Get-MicroVm web).State -in 'Failed', 'Stopped' }
        Remove-MicroVm web -Force
        $changes = $job | Receive-Job -Wait -AutoRemoveJob
        $changes.VM.Name | Select-Object -Unique | Should -Be 'web'
        $said = $changes | ForEach-Object { $_.IsRemoved ? 'removed' : "$($_.VM.State)" }
        ($said -join ' ') | Should -BeLike '*Running Paused Running *removed'
        $changes[0].PreviousState | Should -BeNullOrEmpty
        $changes | Out-String | Should -Match 'web\s+Running\s+Paused'
    }

    It 'emits those of the VMs and states that are asked for' {
        $job = Start-Watching 1 @{ Name = 'b*'; State = 'Paused' }
        $null = New-MicroVm red, blue @small | Suspend-MicroVm
        $change = $job | Receive-Job -Wait -AutoRemoveJob
        $change.VM.Name, $change.PreviousState | Should -Be 'blue', 'Running'
        ($change | Resume-MicroVm).Name | Should -Be 'blue'
        "$change" | Should -Be 'blue: Paused'
        Remove-MicroVm red, blue -Force
    }

    It 'ends at once when a pipeline brings no VM' {
        $job = Start-ThreadJob { Import-Module $using:manifest; Get-MicroVm 'nobody*' | Watch-MicroVm }
        $job | Wait-Job -Timeout 60 | Should -Not -BeNullOrEmpty
        $job | Remove-Job -Force
    }

    It 'ends after the given time, and watches nothing then' {
        $before = @(Get-InotifyWatch).Count
        Watch-MicroVm -TimeoutSeconds 1 | Should -BeNullOrEmpty
        Wait-UntilTrue { @(Get-InotifyWatch).Count -le $before }
    }
}

Describe 'Register-MicroVmEvent' {
    It 'queues events until they are unregistered' {
        Register-MicroVmEvent | Should -BeNullOrEmpty
        $vm = New-MicroVm events @small
        $told = Wait-Event MicroVm.StateChanged -Timeout 60
        $told.SourceEventArgs.VM.Id | Should -Be $vm.Id
        Unregister-Event MicroVm.StateChanged
        Get-Event MicroVm.StateChanged -ErrorAction Ignore | Remove-Event
        Wait-UntilTrue { -not (Get-InotifyWatch) }
        Remove-MicroVm events -Force
        Get-Event MicroVm.StateChanged -ErrorAction Ignore | Should -BeNullOrEmpty
    }

    It 'does something at each event' {
        $seen = [System.Collections.Concurrent.ConcurrentQueue[string]]::new()
        $job = Register-MicroVmEvent MyEvent -MessageData $seen -Action { $Event.MessageData.Enqueue("$($EventArgs.VM.Name) $($EventArgs.VM.State)") }
        $null = New-MicroVm acted @small
        Wait-UntilTrue { $seen -contains 'acted Running' }
        Remove-MicroVm acted -Force
        $job | Stop-Job -PassThru | Remove-Job
    }

    It 'refuses a name that is taken' {
        Register-MicroVmEvent twice
        { Register-MicroVmEvent twice } | Should -Throw -ErrorId 'SubscriberExists,MicroVm.Commands.RegisterMicroVmEventCommand'
        Unregister-Event twice
        Wait-UntilTrue { -not (Get-InotifyWatch) }
    }
}
