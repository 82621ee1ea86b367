BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $web = New-MicroVm web -Wait
    $tree = Join-Path $TestDrive 'tree'
    $null = New-Item "$tree/sub" -ItemType Directory
    Set-Content "$tree/one.txt" 'one'
    Set-Content "$tree/two.txt" 'two'
    Set-Content -LiteralPath "$tree/sub/[3].txt" 'three'

    function Get-GuestText {
        <# What a file in the guest has in it, by way of another name. #>
        param([string] $Path, [string] $Name = 'web')

        Copy-MicroVmItem $Name $Path "$TestDrive/read" -FromGuest
        Get-Content "$TestDrive/read"
    }
}

AfterAll { Remove-TestHome }

Describe 'Copy-MicroVmItem' {
    It 'copies files and trees both ways, and says so with -PassThru' {
        Copy-MicroVmItem web $tree /root/ -Recurse | Should -BeNullOrEmpty
        $result = Copy-MicroVmItem web /root/tree "$TestDrive/back" -FromGuest -Recurse -PassThru
        $result | Should -BeOfType MicroVm.Engine.Guest.Files.GuestCopyResult
        $result.VMName, $result.VMId, $result.Source, $result.Destination, $result.Files, $result.Bytes |
            Should -Be 'web', $web.Id, '/root/tree', "$TestDrive/back", 3, 14
        Get-Content "$TestDrive/back/one.txt" | Should -Be 'one'
        Get-Content -LiteralPath "$TestDrive/back/sub/[3].txt" | Should -Be 'three'
    }

    It 'takes VMs by object and by id' {
        $web | Copy-MicroVmItem -Path "$tree/one.txt" -Destination /root/object
        Copy-MicroVmItem -Id $web.Id -Path "$tree/two.txt" -Destination /root/id
        Get-GuestText /root/object | Should -Be 'one'
        Get-GuestText /root/id | Should -Be 'two'
    }

    It 'resolves wildcards and relative paths on the host, and takes literal ones' {
        Push-Location $tree
        try {
            Copy-MicroVmItem web *.txt, sub/none* /root/many
            Copy-MicroVmItem web -LiteralPath 'sub/[3].txt' -Destination /root/literal
        }
        finally {
            Pop-Location
        }

        Get-GuestText /root/many/one.txt | Should -Be 'one'
        Get-GuestText /root/many/two.txt | Should -Be 'two'
        Get-GuestText /root/literal | Should -Be 'three'
    }

    It 'copies from several VMs into a directory for each, and to each of them' {
        $null = New-MicroVm db -Wait
        Copy-MicroVmItem db, web "$tree/one.txt" /root/both
        Copy-MicroVmItem db "$tree/two.txt" /root/both
        Get-MicroVm db, web | Copy-MicroVmItem -FromGuest -Path /root/both -Destination "$TestDrive/collected"
        Get-Content "$TestDrive/collected/web/both" | Should -Be 'one'
        Get-Content "$TestDrive/collected/db/both" | Should -Be 'two'
        Remove-MicroVm db -Force
    }

    It 'goes on after a source that cannot be copied' {
        Copy-MicroVmItem web "$tree/none", "$tree/sub", "$tree/one.txt" /root/some -ErrorAction SilentlyContinue -ErrorVariable failures
        $failures.FullyQualifiedErrorId | Should -Be @(
            'FileNotFound,MicroVm.Commands.CopyMicroVmItemCommand', 'GuestCopyFailed,MicroVm.Commands.CopyMicroVmItemCommand')
        $failures[1].ErrorDetails.RecommendedAction | Should -Match '-Recurse'
        Get-GuestText /root/some/one.txt | Should -Be 'one'
    }

    It 'replaces files that are read-only with -Force alone' {
        Copy-MicroVmItem web "$tree/one.txt" /root/locked
        chmod 444 "$tree/two.txt"
        Copy-MicroVmItem web "$tree/two.txt" /root/locked
        { Copy-MicroVmItem web "$tree/one.txt" /root/locked } | Should -Throw -ErrorId 'PermissionDenied,*'
        Copy-MicroVmItem web "$tree/one.txt" /root/locked -Force
        Get-GuestText /root/locked | Should -Be 'one'
    }

    It 'says what would happen with -WhatIf, and does nothing' {
        Copy-MicroVmItem web "$tree/one.txt" /root/whatif -WhatIf
        { Copy-MicroVmItem web /root/whatif $TestDrive -FromGuest } | Should -Throw -ErrorId 'FileNotFound,*'
    }

    It 'needs either -Path or -LiteralPath' {
        { Copy-MicroVmItem web -Destination /root } | Should -Throw -ErrorId 'InvalidParameterCombination,*'
        { Copy-MicroVmItem web a /root -LiteralPath b } | Should -Throw -ErrorId 'InvalidParameterCombination,*'
        { Copy-MicroVmItem web env:PATH /root } | Should -Throw -ErrorId 'NotAFileSystemPath,*'
    }

    It 'leaves nothing half when it is stopped' {
        [System.IO.File]::WriteAllBytes("$TestDrive/large", [byte[]]::new(64MB))
        $shell = [powershell]::Create()
        $null = $shell.AddScript({
                param($Manifest, $File)
                Import-Module $Manifest
                Copy-MicroVmItem web $File /root/stopped/
            }).AddArgument($manifest).AddArgument("$TestDrive/large")
        $running = $shell.BeginInvoke()
        Wait-UntilTrue { $shell.Streams.Progress.Count -gt 0 }
        $shell.Stop()
        $running.AsyncWaitHandle.WaitOne(30000) | Should -BeTrue
        $shell.Dispose()
        Copy-MicroVmItem web /root/stopped $TestDrive -FromGuest -Recurse
        Get-ChildItem "$TestDrive/stopped" -Force | Should -BeNullOrEmpty
    }

    It 'shows what was copied as a table' {
        $text = Copy-MicroVmItem web "$tree/one.txt" /root/shown -PassThru | Out-String -Width 200
        $text | Should -Match 'web:/root/shown\s+1\s+4 B'
    }

    It 'refuses a VM that does not run, or does not exist' {
        $null = New-MicroVm idle -NoStart
        { Copy-MicroVmItem idle "$tree/one.txt" /root } | Should -Throw -ErrorId 'InvalidMicroVmState,*'
        { Copy-MicroVmItem nobody "$tree/one.txt" /root } | Should -Throw -ErrorId 'MicroVmNotFound,*'
    }
}
