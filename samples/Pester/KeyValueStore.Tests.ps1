<#
.SYNOPSIS
A suite that needs machines it may ruin: each test gets a copy of one that was booted and prepared once. See docs/pester.md.
#>
BeforeAll {
    # The template: -Ephemeral removes it even if this pwsh is killed in the middle of a test.
    $template = New-MicroVm -Ephemeral -Wait
    $null = $template | Invoke-MicroVmCommand -Script 'mkdir -p /srv/store; echo one >/srv/store/a'
    $null = $template | Suspend-MicroVm
}

AfterAll {
    $template | Remove-MicroVm -Force
}

Describe 'The store' {
    BeforeEach {
        # A copy goes on where the template stands, in a fraction of a second.
        $vm = $template | Copy-MicroVm -Ephemeral
    }

    AfterEach {
        $vm | Remove-MicroVm -Force
    }

    It 'has what it was prepared with' {
        ($vm | Invoke-MicroVmCommand -Script 'cat /srv/store/a').StandardOutput.Trim() | Should -Be 'one'
    }

    It 'loses everything to this test' {
        ($vm | Invoke-MicroVmCommand -Script 'rm -rf /srv/store; ls /srv').StandardOutput | Should -BeNullOrEmpty
    }

    It 'and nothing of that is seen by the next' {
        ($vm | Invoke-MicroVmCommand -Script 'ls /srv/store').StandardOutput.Trim() | Should -Be 'a'
    }

    It 'fails as commands fail in guests' {
        $result = $vm | Invoke-MicroVmCommand -Script 'cat /srv/store/missing'
        $result.ExitCode | Should -Be 1
        $result.StandardError | Should -Match 'No such file'
    }
}
