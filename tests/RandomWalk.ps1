<#
.SYNOPSIS
Lets several shells do random things to the same VMs, kills the shells and their keeper at random; fails when anything is lost, half there or left.

.DESCRIPTION
The guests halt, so that VMMs are real and cost no time. With the same -Seed the shells make the same choices; how they meet is up to the host.
#>
[CmdletBinding()]
param(
    # How many operations are tried in all.
    [ValidateRange(1, 1000000)] [int] $Steps = 1000,
    [int] $Seed = (Get-Random -Maximum 1000000),
    [ValidateRange(1, 64)] [int] $ShellCount = 4,

    # Names to choose from: few, so that shells meet.
    [ValidateRange(1, 64)] [int] $NameCount = 6,

    # The journal of one of the shells; given by the script to itself.
    [string] $JournalPath
)

. (Join-Path $PSScriptRoot 'Common.ps1')

# The keeper is at work beside the shells, ends as soon as it may and comes back.
$env:MICROVM_KEEPER = 'On'
$env:MICROVM_KEEPER_IDLE = '100'

# What may come of it when others are at work on the same things.
$expected = @(
    'MicroVmBusy', 'MicroVmNotFound', 'MicroVmAlreadyExists', 'InvalidMicroVmState', 'SnapshotNotFound', 'SnapshotAlreadyExists', 'AmbiguousSnapshot'
    'SnapshotInUse', 'OperationEnded'
)

function Save-HaltingKernel {
    <# An ELF file with a PVH note whose code is cli; hlt. #>
    param([string] $Path)

    $stream = [System.IO.MemoryStream]::new()
    $writer = [System.IO.BinaryWriter]::new($stream)
    $writer.Write([byte[]](0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    $writer.Write([uint16]2); $writer.Write([uint16]62); $writer.Write([uint32]1)
    $writer.Write([uint64]0x100000); $writer.Write([uint64]64); $writer.Write([uint64]0)
    $writer.Write([uint32]0); $writer.Write([uint16]64); $writer.Write([uint16]56); $writer.Write([uint16]2)
    $writer.Write([uint16]0); $writer.Write([uint16]0); $writer.Write([uint16]0)
    # Code, then the note: type, flags, offset, two addresses, two sizes, alignment.
    foreach ($segment in @(, @(1, 5, 0x1000, 0x100000, 16, 0x1000)) + @(, @(4, 4, 176, 0, 24, 4))) {
        $writer.Write([uint32]$segment[0]); $writer.Write([uint32]$segment[1]); $writer.Write([uint64]$segment[2])
        $writer.Write([uint64]$segment[3]); $writer.Write([uint64]$segment[3])
        $writer.Write([uint64]$segment[4]); $writer.Write([uint64]$segment[4]); $writer.Write([uint64]$segment[5])
    }

    $writer.Write([uint32]4); $writer.Write([uint32]8); $writer.Write([uint32]18)
    $writer.Write([System.Text.Encoding]::ASCII.GetBytes("Xen`0")); $writer.Write([uint64]0x100000)
    $stream.SetLength(0x1010)
    $stream.Position = 0x1000
    $writer.Write([byte[]](0xfa, 0xf4, 0xeb, 0xfc))
    [System.IO.File]::WriteAllBytes($Path, $stream.ToArray())
}

function Step-Random {
    <# Does one thing to one VM; what was saved and what is about to be removed is in the journal. #>
    param([System.Random] $Random, [System.IO.StreamWriter] $Log, [int] $Names)

    $name = "vm-$($Random.Next($Names))"
    $other = "vm-$($Random.Next($Names))"
    $pick = $Random.Next(100)
    $snapshots = @(Get-MicroVmSnapshot)
    $snapshot = $snapshots ? $snapshots[$Random.Next($snapshots.Count)] : $null
    if ($pick -lt 20) {
        $null = New-MicroVm $name -KernelPath "$env:MICROVM_HOME/kernel" -MemoryBytes 32MB -DiskBytes 16MB -NoStart:($pick -lt 4)
    }
    elseif ($pick -lt 30) { $null = Suspend-MicroVm $name }
    elseif ($pick -lt 42) { $null = Resume-MicroVm $name }
    elseif ($pick -lt 57) {
        $saved = Save-MicroVmSnapshot -VMName $name
        $Log.WriteLine("saved $($saved.SnapshotId)")
    }
    elseif ($pick -lt 65) { if ($snapshot) { $null = $snapshot | Restore-MicroVm -Confirm:$false } }
    elseif ($pick -lt 73) { if ($snapshot) { $null = $snapshot | Restore-MicroVm -NewName $other } }
    elseif ($pick -lt 80) { $null = Stop-MicroVm $name -TurnOff -Confirm:$false }
    elseif ($pick -lt 88) { $null = Start-MicroVm $name }
    elseif ($pick -lt 96) { Remove-MicroVm $name -Force }
    elseif ($snapshots.Count -gt 8) {
        $Log.WriteLine("removing $($snapshot.SnapshotId)")
        $snapshot | Remove-MicroVmSnapshot -Confirm:$false
    }
    else { $null = Get-MicroVm }
}

if ($JournalPath) {
    # Guests that halt have no agent that could put them right.
    $WarningPreference = 'SilentlyContinue'
    $log = [System.IO.StreamWriter]::new($JournalPath, $true)
    $log.AutoFlush = $true
    $random = [System.Random]::new($Seed)
    while ($true) {
        try {
            Step-Random -Random $random -Log $log -Names $NameCount
            $log.WriteLine('step')
        }
        catch {
            $id = ($_.FullyQualifiedErrorId -split ',')[0]
            $log.WriteLine(($id -in $expected ? "step refused $id" : "step wrong $($_.FullyQualifiedErrorId) $_" -replace '\s+', ' '))
        }
    }
}

function Start-Shell {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
    param([int] $Number, [int] $ShellSeed)

    $start = [System.Diagnostics.ProcessStartInfo]::new([Environment]::ProcessPath)
    '-NoProfile', '-NonInteractive', '-File', $PSCommandPath, '-JournalPath', "$env:MICROVM_HOME/journal-$Number", '-Seed', $ShellSeed, '-NameCount', $NameCount |
        ForEach-Object { $start.ArgumentList.Add($_) }
    [System.Diagnostics.Process]::Start($start)
}

function Stop-Keeper {
    <# Kills the keeper, if there is one. #>
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '')]
    param()

    if ((Test-MicroVmHost | Where-Object Name -EQ Keeper).Detail -match 'Runs as process (\d+)') { kill -KILL $Matches[1] 2>/dev/null }
}

function Get-Journal {
    Get-ChildItem "$env:MICROVM_HOME/journal-*" -ErrorAction Ignore | ForEach-Object {
        # A line that a killed shell has half written is none.
        $text = [System.IO.File]::ReadAllText($_)
        $text.Substring(0, $text.LastIndexOf("`n") + 1) -split "`n" | Where-Object { $_ }
    }
}

function Assert-True {
    param([bool] $Condition, [string] $Message)

    if (-not $Condition) {
        throw "$Message (seed $Seed)"
    }
}

Write-Information "Random walk of $Steps steps by $ShellCount shells, seed $Seed." -InformationAction Continue
New-TestHome
$shells = @{}
try {
    Save-HaltingKernel "$env:MICROVM_HOME/kernel"
    $random = [System.Random]::new($Seed)
    $number = 0
    foreach ($slot in 1..$ShellCount) {
        $shells[$slot] = Start-Shell (++$number) $random.Next()
    }

    $kills = 0
    do {
        $slot = 1 + $random.Next($ShellCount)
        # A shell needs a second or two to begin at all.
        $ended = $shells[$slot].WaitForExit($random.Next(500, 6000))
        Assert-True (-not $ended) "A shell ended by itself"
        $shells[$slot].Kill()
        $shells[$slot].WaitForExit()
        $kills++
        if ($random.Next(4) -eq 0) { Stop-Keeper }
        $shells[$slot] = Start-Shell (++$number) $random.Next()
        $journal = @(Get-Journal)
        $done = @($journal -like 'step*').Count
    } while ($done -lt $Steps)

    $shells.Values | ForEach-Object { $_.Kill(); $_.WaitForExit() }
    $kills += $shells.Count
    $shells.Clear()
    $journal = @(Get-Journal)
    $wrong = @($journal -like 'step wrong*')
    Assert-True ($wrong.Count -eq 0) "$($wrong.Count) steps failed as they must not:`n$($wrong | Select-Object -First 10 | Out-String)"

    # Nothing saved is lost, nothing is half there.
    $present = @(Get-MicroVmSnapshot)
    Assert-True (-not ($present | Where-Object Status -NE 'Ok')) 'A snapshot is damaged'
    $removed = @($journal -like 'removing *' | ForEach-Object { ($_ -split ' ')[1] })
    $saved = @($journal -like 'saved *' | ForEach-Object { ($_ -split ' ')[1] })
    $lost = @($saved | Where-Object { $_ -notin $removed -and $_ -notin $present.SnapshotId })
    Assert-True (-not $lost) "Snapshots were lost: $lost"

    $repaired = @(Repair-MicroVmHost -Confirm:$false -WarningAction SilentlyContinue)
    Assert-True (-not ($repaired | Where-Object Result -NotIn Done, Gone)) "Not all could be repaired:`n$($repaired | Out-String -Width 200)"
    $again = @(Repair-MicroVmHost -Confirm:$false)
    Assert-True ($again.Count -eq 0) "There is something to repair after a repair:`n$($again | Out-String -Width 200)"

    # Each VM is what it is listed as.
    $machines = @(Get-MicroVm)
    foreach ($machine in $machines) {
        Assert-True ($machine.State -in 'Running', 'Paused', 'Stopped', 'Failed') "VM $($machine.Name) is $($machine.State)"
        if ($machine.State -in 'Stopped', 'Failed') {
            $null = $machine | Start-MicroVm
        }

        $null = $machine | Suspend-MicroVm
        Assert-True (($machine | Resume-MicroVm -WarningAction SilentlyContinue).State -eq 'Running') "VM $($machine.Name) does not go on"
    }

    foreach ($snapshot in $present) {
        $clone = $snapshot | Restore-MicroVm -NewName 'last-clone' -WarningAction SilentlyContinue
        Assert-True ($clone.State -eq 'Running') "Snapshot $($snapshot.Name) of $($snapshot.VMName) cannot be restored"
        $clone | Remove-MicroVm -Force
    }

    Get-MicroVm | Remove-MicroVm -Force
    Get-MicroVmSnapshot | Remove-MicroVmSnapshot -Confirm:$false
    Wait-UntilTrue { (Test-MicroVmHost | Where-Object Name -EQ Keeper).Detail -eq 'Not needed now: no VM runs.' }
    $left = @(Get-Leftover $env:MICROVM_HOME) + @(
        Get-ChildItem "$env:MICROVM_HOME/run", "$env:MICROVM_HOME/data" -Recurse -Force -File | Where-Object FullName -NotMatch '/cache/|lock$|/keeper.log$' | ForEach-Object FullName)
    Assert-True ($left.Count -eq 0) "Left behind:`n$($left -join "`n")"

    [pscustomobject]@{
        Seed      = $Seed
        Steps     = @($journal -like 'step*').Count
        Refused   = @($journal -like 'step refused*').Count
        Kills     = $kills
        Repaired  = $repaired.Count
        Machines  = $machines.Count
        Snapshots = "$($saved.Count) saved, $($removed.Count) removed, $($present.Count) at the end"
    }
}
catch {
    # Here, for what the cleaning up fails of would take its place.
    Write-Information "$_" -InformationAction Continue
    throw
}
finally {
    $shells.Values | ForEach-Object { $_.Kill(); $_.WaitForExit() }
    Get-MicroVm | Remove-MicroVm -Force
    Wait-UntilTrue { (Test-MicroVmHost | Where-Object Name -EQ Keeper).Detail -notlike 'Runs as*' }
    Remove-TestHome
}
