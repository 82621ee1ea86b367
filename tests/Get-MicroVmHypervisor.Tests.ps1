BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $installed = (Get-Command qemu-system-x86_64 -CommandType Application)[0].Source

    # An installation beside the one of the host, as far as QEMU can tell: it looks for its files beside its program. Not in TestDrive, which Pester searches
    # through its links.
    $side = [System.IO.Directory]::CreateTempSubdirectory('mvm').FullName
    $null = New-Item "$side/bin" -ItemType Directory
    $program = "$side/bin/qemu-system-x86_64"
    Copy-Item (Get-Item $installed).ResolvedTarget $program
    foreach ($name in 'share', 'lib') {
        $null = New-Item "$side/$name" -ItemType SymbolicLink -Target (Resolve-Path (Join-Path (Split-Path $installed) "../$name")).Path
    }

    function Write-Program($Name, $Text, $Mode = '755') {
        $path = Join-Path $TestDrive $Name
        Set-Content $path $Text
        chmod $Mode $path
        $path
    }
}

AfterAll {
    Remove-TestHome
    'share', 'lib' | ForEach-Object { [System.IO.File]::Delete("$side/$_") }
    [System.IO.Directory]::Delete($side, $true)
}

Describe 'Get-MicroVmHypervisor' {
    It 'gets what is installed' {
        $qemu = Get-MicroVmHypervisor
        $qemu.Kind | Should -Be 'Qemu'
        $qemu.Path | Should -Be $installed
        $qemu.Version | Should -Be ([regex]::Match((& $installed --version)[0], '\d+\.\d+\.\d+').Value)
        $qemu.IsDefault, $qemu.IsSupported | Should -Be $true, $true
        $qemu.Accelerators | Should -Contain 'Tcg'
        $qemu.MaximumCpuCount | Should -Be 255
        (Get-MicroVmHypervisor Qemu).Path | Should -Be $installed
    }

    It 'looks at a program beside it, and again when that changes' {
        $fake = Write-Program fake "#!/bin/sh`necho QEMU emulator version 99.1.0"
        (Get-MicroVmHypervisor -HypervisorPath $fake).Version | Should -Be '99.1.0'
        $null = Write-Program fake "#!/bin/sh`necho QEMU emulator version 6.10.0"
        $old = Get-MicroVmHypervisor -HypervisorPath $fake
        $old.Version, $old.IsSupported, $old.IsDefault | Should -Be '6.10.0', $false, $false
    }

    It 'follows a link that leads elsewhere now' {
        $link = Join-Path $TestDrive 'link'
        $null = New-Item $link -ItemType SymbolicLink -Target $installed
        (Get-MicroVmHypervisor -HypervisorPath $link).Version | Should -Be (Get-MicroVmHypervisor).Version
        $null = New-Item $link -ItemType SymbolicLink -Target (Write-Program other "#!/bin/sh`necho QEMU emulator version 99.2.0") -Force
        (Get-MicroVmHypervisor -HypervisorPath $link).Version | Should -Be '99.2.0'
    }

    It 'refuses <Because>' -ForEach @(
        @{ Because = 'what does not exist'; Program = { Join-Path $TestDrive 'none' } }
        @{ Because = 'a file that is no program'; Program = { Write-Program plain -Text text -Mode 644 } }
        @{ Because = 'a directory'; Program = { "$TestDrive" } }
        @{ Because = 'another program'; Program = { '/bin/true' } }
        @{ Because = 'a program that fails'; Program = { '/bin/false' } }
    ) {
        $path = & $Program
        { Get-MicroVmHypervisor -HypervisorPath $path } | Should -Throw -ErrorId 'HypervisorNotFound,MicroVm.Commands.GetMicroVmHypervisorCommand'
        { New-MicroVm -NoStart -HypervisorPath $path } | Should -Throw -ErrorId 'HypervisorNotFound,MicroVm.Commands.NewMicroVmCommand'
    }
}

Describe 'New-MicroVm -HypervisorPath' {
    It 'boots with that program, snapshots remember it, and clones are restored with it' {
        $vm = New-MicroVm aside -HypervisorPath $program -Wait
        $vm.HypervisorPath | Should -Be $program
        (Get-Item "/proc/$($vm.ProcessId)/exe").Target | Should -Be $program
        $golden = $vm | Save-MicroVmSnapshot golden
        $golden.HypervisorPath | Should -Be $program
        $clone = $golden | Restore-MicroVm -NewName clone -NoFixup
        (Get-Item "/proc/$($clone.ProcessId)/exe").Target | Should -Be $program
        (Get-Item "/proc/$((Restart-MicroVm aside -TurnOff).ProcessId)/exe").Target | Should -Be $program
    }

    It 'says when the program is gone, and ends no VM for it' {
        Move-Item $program "$program.gone"
        { Restore-MicroVm golden -NewName never } | Should -Throw -ErrorId 'HypervisorNotFound,MicroVm.Commands.RestoreMicroVmCommand'
        { Restart-MicroVm aside -TurnOff } | Should -Throw -ErrorId 'HypervisorNotFound,MicroVm.Commands.RestartMicroVmCommand'
        (Get-MicroVm aside).State | Should -Be 'Running'
        Move-Item "$program.gone" $program
    }

    It 'refuses a version that is too old' {
        $old = Write-Program ancient "#!/bin/sh`necho QEMU emulator version 5.2.0"
        { New-MicroVm -NoStart -HypervisorPath $old } | Should -Throw -ErrorId 'HypervisorVersionUnsupported,MicroVm.Commands.NewMicroVmCommand'
    }

    It 'resolves a path relative to the location' {
        Push-Location (Split-Path $program)
        try {
            (New-MicroVm relative -NoStart -HypervisorPath ./qemu-system-x86_64).HypervisorPath | Should -Be $program
        }
        finally {
            Pop-Location
        }
    }
}
