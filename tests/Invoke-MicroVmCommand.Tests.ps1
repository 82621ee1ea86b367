BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $vms = New-MicroVm web, db
}

AfterAll { Remove-TestHome }

Describe 'Invoke-MicroVmCommand' {
    It 'runs a program, once the guest is up' {
        $result = Invoke-MicroVmCommand web -FilePath uname -ArgumentList '-n'
        $result.StandardOutput | Should -Be "web`n"
        $result.ExitCode | Should -Be 0
        $result.VMName | Should -Be 'web'
        $result.Duration | Should -BeGreaterThan ([timespan]::Zero)
    }

    It 'runs a script in all VMs that are piped in' {
        $results = $vms | Invoke-MicroVmCommand -Script 'hostname', 'echo "$1" >&2', 'exit 3' -ArgumentList 'a b'
        $results.StandardOutput | Sort-Object | Should -Be "db`n", "web`n"
        $results.StandardError | Should -Be "a b`n", "a b`n"
        $results.ExitCode | Should -Be 3, 3
    }

    It 'takes standard input from the pipeline where VMs are named' {
        ('one', 'two' | Invoke-MicroVmCommand web cat).StandardOutput | Should -Be "one`ntwo`n"
        ('text' | Invoke-MicroVmCommand -VM $vms[0] -FilePath cat).StandardOutput | Should -Be "text`n"
        ($vms[0] | Invoke-MicroVmCommand -FilePath cat -InputObject 'given').StandardOutput | Should -Be "given`n"
    }

    It 'passes bytes both ways' {
        $bytes = [byte[]] (0..255)
        $result = , $bytes | Invoke-MicroVmCommand web cat -AsByteStream
        Compare-Object $result.StandardOutputBytes $bytes -SyncWindow 0 | Should -BeNullOrEmpty
        $result.StandardOutput | Should -BeNullOrEmpty
    }

    It 'sets directory, variables and user' {
        $arguments = @{ WorkingDirectory = '/tmp'; Environment = @{ COLOUR = 'red' }; User = 'nobody' }
        (Invoke-MicroVmCommand web -Script 'pwd; echo $COLOUR; id -un' @arguments).StandardOutput | Should -Be "/tmp`nred`nnobody`n"
    }

    It 'emits lines as they come with -Stream' {
        # The guest waits for the file, which is made when the first line is here.
        $lines = Invoke-MicroVmCommand web -Script 'echo first; until [ -e /tmp/go ]; do usleep 1000; done; echo second >&2' -Stream | ForEach-Object {
            if ($_ -eq 'first') {
                $null = Invoke-MicroVmCommand web touch /tmp/go
            }

            $_
        }
        $lines | Should -Be 'first', 'second'
        $lines.VMName | Should -Be 'web', 'web'
        "$($lines.Stream)" | Should -Be 'Output Error'
    }

    It 'makes a failure of a streamed command an error' {
        Invoke-MicroVmCommand web -Script 'echo out; exit 7' -Stream -ErrorVariable failure -ErrorAction SilentlyContinue | Should -Be 'out'
        $failure[0].FullyQualifiedErrorId | Should -Be 'GuestCommandFailed,MicroVm.Commands.InvokeMicroVmCommandCommand'
        $failure[0].CategoryInfo.Category | Should -Be 'FromStdErr'
    }

    It 'ends the command when the pipeline has enough' {
        Invoke-MicroVmCommand web yes -Stream | Select-Object -First 2 | Should -Be 'y', 'y'
        (Invoke-MicroVmCommand web -Script 'ps | grep -c [y]es').StandardOutput | Should -Be "0`n"
    }

    It 'ends the command when its time is up' {
        { Invoke-MicroVmCommand web sleep 1000 -TimeoutSeconds 1 } | Should -Throw -ErrorId 'MicroVmTimeout,MicroVm.Commands.InvokeMicroVmCommandCommand'
        (Invoke-MicroVmCommand web -Script 'ps | grep -c "[s]leep 1000"').StandardOutput | Should -Be "0`n"
    }

    It 'neutralises control characters unless asked for them raw' {
        $script = 'printf "\033]0;title\007harmless\033[31m\b\n"'
        (Invoke-MicroVmCommand web -Script $script).StandardOutput | Should -Be "harmless\x08`n"
        (Invoke-MicroVmCommand web -Script $script -Raw).StandardOutput | Should -Match '\x1b'
    }

    It 'does nothing with -WhatIf' {
        Invoke-MicroVmCommand web touch /tmp/what -WhatIf
        (Invoke-MicroVmCommand web -Script 'ls /tmp/what 2>/dev/null').ExitCode | Should -Not -Be 0
    }

    It 'says what the guest lacks: <Id>' -ForEach @(
        @{ Arguments = @{ FilePath = 'no-such-program' }; Id = 'GuestCommandNotFound' }
        @{ Arguments = @{ Script = 'true'; Shell = 'fish' }; Id = 'GuestCommandNotFound' }
        @{ Arguments = @{ FilePath = 'true'; WorkingDirectory = '/nowhere' }; Id = 'FileNotFound' }
        @{ Arguments = @{ FilePath = 'true'; User = 'stranger' }; Id = 'InvalidGuestCommand' }
        @{ Arguments = @{ FilePath = 'true'; Environment = @{ 'a b' = 1 } }; Id = 'InvalidGuestCommand' }
    ) {
        { Invoke-MicroVmCommand web @Arguments } | Should -Throw -ErrorId "$Id,MicroVm.Commands.InvokeMicroVmCommandCommand"
    }

    It 'lets other VMs be dealt with when one cannot' {
        $null = Suspend-MicroVm db
        $result = Invoke-MicroVmCommand * true -ErrorVariable failure -ErrorAction SilentlyContinue
        $result.VMName | Should -Be 'web'
        $failure[0].FullyQualifiedErrorId | Should -BeLike 'InvalidMicroVmState,*'
        $null = Resume-MicroVm db
    }

    It 'refuses what does not go together' -ForEach @(
        @{ Arguments = @{} }
        @{ Arguments = @{ FilePath = 'true'; Script = 'true' } }
        @{ Arguments = @{ FilePath = 'true'; Shell = 'sh' } }
        @{ Arguments = @{ FilePath = 'true'; Stream = $true; AsByteStream = $true } }
    ) {
        { Invoke-MicroVmCommand web @Arguments } | Should -Throw -ErrorId 'InvalidParameterCombination,*'
    }
}
