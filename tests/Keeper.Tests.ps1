BeforeAll {
    . $PSScriptRoot/Common.ps1
    New-TestHome -WithImage
    $env:MICROVM_KEEPER = 'On'
    $lockPath = Join-Path $env:MICROVM_HOME 'data/keeper.lock'
    $pwsh = [Environment]::ProcessPath
    $small = '-MemoryBytes 128MB -DiskBytes 64MB'

    function Get-KeeperCheck { Test-MicroVmHost | Where-Object Name -EQ Keeper }

    function Get-KeeperId {
        <# The keeper's process id, or nothing. #>
        if ((Get-KeeperCheck).Detail -match 'Runs as process (\d+)') { [int] $Matches[1] }
    }

    function Invoke-OtherShell {
        <# Runs commands of the module in a pwsh of their own, whose output is this function's. #>
        param([string] $Command)

        & $pwsh -NoProfile -NonInteractive -Command "Import-Module '$manifest'; `$ErrorActionPreference = 'Stop'; $Command"
    }

    function Start-OtherShell {
        <# As Invoke-OtherShell, but gives the process, which waits for its input to end. #>
        [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
        param([string] $Command)

        $start = [System.Diagnostics.ProcessStartInfo]::new($pwsh)
        $start.RedirectStandardInput = $start.RedirectStandardOutput = $true
        foreach ($argument in '-NoProfile', '-NonInteractive', '-Command', "Import-Module '$manifest'; `$null = . { $Command }; [Console]::Out.WriteLine('done'); `$null = [Console]::In.ReadLine()") {
            $start.ArgumentList.Add($argument)
        }

        $shell = [System.Diagnostics.Process]::Start($start)
        while (($line = $shell.StandardOutput.ReadLine()) -ne 'done') {
            if ($null -eq $line) { throw "The other shell ended: $Command" }
        }

        $shell
    }

    function Stop-Keeper {
        [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
        param()

        if ($id = Get-KeeperId) {
            kill -TERM $id
            Wait-UntilTrue { -not (Test-Path "/proc/$id") }
        }
    }
}

AfterAll {
    Get-MicroVm | Remove-MicroVm -Force
    Stop-Keeper
    $env:MICROVM_KEEPER = 'Off'
    Remove-TestHome
}

Describe 'The keeper' {
    AfterEach {
        Get-MicroVm | Remove-MicroVm -Force
    }

    It 'is not there before a VM runs' {
        $null = New-MicroVm stopped -MemoryBytes 128MB -DiskBytes 64MB -NoStart

        Test-Path $lockPath | Should -BeFalse
        (Get-KeeperCheck).Detail | Should -Be 'Not needed now: no VM runs.'
    }

    It 'knows how a VMM ended whose shell was killed' {
        $shell = Start-OtherShell "New-MicroVm web $small -Wait"
        $shell.Kill()
        $shell.WaitForExit()
        $vm = Get-MicroVm web
        $keeper = Get-KeeperId
        $keeper | Should -BeGreaterThan 0
        Wait-UntilTrue { (Get-Content "/proc/$keeper/maps" -Raw) -match 'MicroVm\.Engine\.dll' -and (Get-ChildItem "/proc/$keeper/fdinfo" | Get-Content | Select-String "^Pid:\s+$($vm.ProcessId)$") }

        kill -SEGV $vm.ProcessId
        $vm | Wait-MicroVm -State Failed
        Wait-UntilTrue { (Get-MicroVm web).LastWords -match "guest ready" }

        $vm = Get-MicroVm web
        $vm.LastExit | Should -Be 'signal SIGSEGV'
        $vm.StatusDetail | Should -BeLike '*signal SIGSEGV*'
        Wait-UntilTrue { -not (Get-ChildItem (Join-Path $env:MICROVM_HOME 'run')) }
    }

    It 'is one, outlives nothing that is killed, and is replaced by any cmdlet' {
        $null = New-MicroVm one, two -MemoryBytes 128MB -DiskBytes 64MB
        $first = Get-KeeperId
        $null = Invoke-OtherShell "New-MicroVm three $small"
        Get-KeeperId | Should -Be $first

        kill -KILL $first
        Wait-UntilTrue { -not (Test-Path "/proc/$first") }
        (Get-KeeperCheck).Status | Should -Be Warning
        (Get-MicroVm).State | Should -Be Running, Running, Running
        $second = Get-KeeperId

        $second | Should -BeGreaterThan 0
        $second | Should -Not -Be $first
    }

    It 'does not hold the pipe of the shell that started it' {
        Stop-Keeper
        $said = & $pwsh -NoProfile -NonInteractive -Command "Import-Module '$manifest'; (New-MicroVm web $small).Name" | ForEach-Object { $_ }

        # Else this would not have come to an end before the keeper.
        $said | Should -Be web
        Get-KeeperId | Should -BeGreaterThan 0
    }

    It 'ends when no VM runs for a while' {
        Stop-Keeper
        $env:MICROVM_KEEPER_IDLE = '100'
        try {
            $null = New-MicroVm web -MemoryBytes 128MB -DiskBytes 64MB
            $keeper = Get-KeeperId
            Stop-MicroVm web -TurnOff

            Wait-UntilTrue { -not (Test-Path "/proc/$keeper") }
        }
        finally {
            $env:MICROVM_KEEPER_IDLE = $null
        }

        (Get-KeeperCheck).Detail | Should -Be 'Not needed now: no VM runs.'
    }

    It 'is not started where it is switched off, and nothing ephemeral either' {
        Stop-Keeper
        $env:MICROVM_KEEPER = 'Off'
        try {
            $null = New-MicroVm web -MemoryBytes 128MB -DiskBytes 64MB
            (Get-KeeperCheck).Detail | Should -Be 'None is started. MICROVM_KEEPER is Off.'
            { New-MicroVm gone -Ephemeral -ErrorAction Stop } | Should -Throw -ErrorId 'KeeperUnavailable,*'
        }
        finally {
            $env:MICROVM_KEEPER = 'On'
        }
    }
}

Describe 'An ephemeral VM' {
    It 'goes with the shell that made it, and its snapshots stay' {
        $shell = Start-OtherShell "New-MicroVm web $small -Ephemeral -Wait; Save-MicroVmSnapshot web -SnapshotName kept; Restore-MicroVm kept -NewName clone -Ephemeral"
        (Get-MicroVm).Name | Should -Be clone, web
        (Get-MicroVm).IsEphemeral | Should -Be $true, $true
        $null = New-MicroVm other -MemoryBytes 128MB -DiskBytes 64MB

        $shell.Kill()

        Wait-UntilTrue { @(Get-MicroVm).Count -eq 1 }
        (Get-MicroVm).Name | Should -Be other
        (Get-MicroVmSnapshot).Name | Should -Be kept
        Get-MicroVmSnapshot | Remove-MicroVmSnapshot -Force
    }

    It 'is removed by a keeper that starts later' {
        Get-MicroVm | Remove-MicroVm -Force
        Stop-Keeper
        $shell = Start-OtherShell "New-MicroVm web $small -Ephemeral"
        $keeper = Get-KeeperId
        kill -KILL $keeper
        Wait-UntilTrue { -not (Test-Path "/proc/$keeper") }
        $shell.Kill()
        $shell.WaitForExit()

        (Get-MicroVm).Name | Should -Be web

        Wait-UntilTrue { -not (Get-MicroVm) }
    }

    It 'is a clone, not a VM that is rolled back' {
        { Restore-MicroVm any -Ephemeral } | Should -Throw -ErrorId 'InvalidParameterCombination,*'
    }
}
