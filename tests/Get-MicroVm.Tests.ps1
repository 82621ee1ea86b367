BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $web, $db = New-MicroVm Web, db -NoStart
}

AfterAll { Remove-TestHome }

Describe 'Get-MicroVm' {
    It 'gets all VMs' {
        (Get-MicroVm).Name | Sort-Object | Should -Be 'db', 'Web'
    }

    It 'gets a VM by name, whatever its case' {
        (Get-MicroVm web).Id | Should -Be $web.Id
        (Get-MicroVm -Name WEB, db).Id | Should -Be $web.Id, $db.Id
    }

    It 'gets VMs by names from the pipeline' {
        ('db', 'web' | Get-MicroVm).Name | Should -Be 'db', 'Web'
    }

    It 'gets VMs by pattern' {
        (Get-MicroVm w*).Name | Should -Be 'Web'
        (Get-MicroVm [cd]*).Name | Should -Be 'db'
    }

    It 'gets a VM by id' {
        (Get-MicroVm -Id $db.Id).Name | Should -Be 'db'
        (Get-MicroVm -VMId $db.Id, $web.Id).Name | Should -Be 'db', 'Web'
    }

    It 'refreshes a VM from the pipeline' {
        ($web | Get-MicroVm).Name | Should -Be 'Web'
    }

    It 'gets VMs by state' {
        (Get-MicroVm -State Stopped).Name | Should -HaveCount 2
        Get-MicroVm -State Running, Paused | Should -BeNullOrEmpty
    }

    It 'says which name does not exist, and gets the others' {
        $name = New-UnknownName
        $found = Get-MicroVm $name, db -ErrorVariable failure -ErrorAction SilentlyContinue
        $found.Name | Should -Be 'db'
        $failure.FullyQualifiedErrorId | Should -Be 'MicroVmNotFound,MicroVm.Commands.GetMicroVmCommand'
        $failure.CategoryInfo.Category | Should -Be 'ObjectNotFound'
        $failure.TargetObject | Should -Be $name
    }

    It 'says which id does not exist' {
        { Get-MicroVm -Id ([guid]::Empty) } | Should -Throw -ErrorId 'MicroVmNotFound,MicroVm.Commands.GetMicroVmCommand'
    }

    It 'is silent about a pattern that matches nothing' {
        Get-MicroVm nobody* | Should -BeNullOrEmpty
    }

    It 'completes names' {
        Get-Completion 'Get-MicroVm w' | Should -Be 'Web'
        Get-Completion 'Start-MicroVm ' -Count 2 | Should -Be 'db', 'Web'
        (TabExpansion2 'Resume-MicroVm d').CompletionMatches.CompletionText | Should -Not -Contain 'db'
    }
}
