BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    New-TestHome -WithImage
}

AfterAll { Remove-TestHome }

Describe 'Install-MicroVmImage' {
    It 'refuses an image that is installed' {
        { Install-MicroVmImage base } | Should -Throw -ErrorId 'ImageAlreadyExists,MicroVm.Commands.InstallMicroVmImageCommand'
    }

    It 'replaces it with -Force' {
        $image = Install-MicroVmImage base -Force
        $image | Should -BeOfType MicroVm.Engine.Storage.GuestImage
        $image.Name | Should -Be 'base'
        $image.Digest | Should -Match '^sha256:[0-9a-f]{64}$'
        Test-Path $image.KernelPath | Should -BeTrue
    }

    It 'refuses an image that it cannot make' {
        { Install-MicroVmImage no-such-image } | Should -Throw -ErrorId 'ImageNotFound,MicroVm.Commands.InstallMicroVmImageCommand'
    }

    It 'completes what it can make' {
        Get-Completion 'Install-MicroVmImage ' | Should -Be 'base'
    }
}

Describe 'Get-MicroVmImage' {
    It 'gets images by name and by pattern' {
        (Get-MicroVmImage).Name | Should -Be 'base'
        (Get-MicroVmImage BASE).Name | Should -Be 'base'
        ('b*' | Get-MicroVmImage).SizeBytes | Should -BeGreaterThan 1MB
        Get-MicroVmImage x* | Should -BeNullOrEmpty
    }

    It 'says what does not exist' {
        { Get-MicroVmImage nothing } | Should -Throw -ErrorId 'ImageNotFound,MicroVm.Commands.GetMicroVmImageCommand'
    }
}

Describe 'Remove-MicroVmImage' {
    It 'refuses an image that a VM was made from' {
        $null = New-MicroVm web -NoStart
        { Remove-MicroVmImage base } | Should -Throw -ErrorId 'ImageInUse,MicroVm.Commands.RemoveMicroVmImageCommand'
        Remove-MicroVm web -Force
    }

    It 'removes nothing with -WhatIf, not even with -Force' {
        Remove-MicroVmImage base -Force -WhatIf
        (Get-MicroVmImage).Name | Should -Be 'base'
    }

    It 'removes an image from the pipeline' {
        (Get-MicroVmImage base | Remove-MicroVmImage -PassThru).Name | Should -Be 'base'
        Get-MicroVmImage | Should -BeNullOrEmpty
    }

    It 'says what does not exist' {
        { Remove-MicroVmImage base } | Should -Throw -ErrorId 'ImageNotFound,MicroVm.Commands.RemoveMicroVmImageCommand'
    }
}
