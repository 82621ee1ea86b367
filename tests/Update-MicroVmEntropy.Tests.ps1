BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
    $web = New-MicroVm web -Wait
}

AfterAll { Remove-TestHome }

Describe 'Update-MicroVmEntropy' {
    It 'reseeds a guest' {
        $result = $web | Update-MicroVmEntropy
        $result.VMName | Should -Be 'web'
        $result.Name | Should -Be 'Entropy'
        $result.Result | Should -Be 'Done'
        $result.Detail | Should -BeLike '*a reseed was forced*'
        $result.OffsetBefore | Should -BeNullOrEmpty
    }

    It 'changes nothing with -WhatIf' {
        Update-MicroVmEntropy web -WhatIf | Should -BeNullOrEmpty
    }

    It 'says what does not run' {
        $null = Suspend-MicroVm web
        { Update-MicroVmEntropy web } | Should -Throw -ErrorId 'InvalidMicroVmState,MicroVm.Commands.UpdateMicroVmEntropyCommand'
    }
}
