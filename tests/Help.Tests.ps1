BeforeDiscovery {
    $root = Split-Path $PSScriptRoot
    $cmdlets = @((Import-PowerShellDataFile (Join-Path $root 'MicroVm.psd1')).CmdletsToExport)
    $platyPS = Get-Module Microsoft.PowerShell.PlatyPS -ListAvailable
}

BeforeAll {
    . (Join-Path $PSScriptRoot 'Common.ps1')
    $root = Split-Path $PSScriptRoot
    $pages = Join-Path $root 'docs/en-US'
    $common = [System.Management.Automation.PSCmdlet]::CommonParameters
}

Describe 'The help of <_>' -ForEach $cmdlets {
    BeforeAll {
        $name = $_
        $help = Get-Help $name -Full
        $command = Get-Command $name
        $page = Get-Content (Join-Path $pages "$name.md") -Raw
    }

    It 'is shown by Get-Help' {
        # Without help Get-Help makes the synopsis of the syntax.
        $help.Synopsis | Should -Not -Match ([regex]::Escape($name))
        "$($help.description.Text)" | Should -Not -BeNullOrEmpty
    }

    It 'describes every parameter, and no other' {
        $declared = $command.Parameters.Keys | Where-Object { $_ -notin $common } | Sort-Object
        $described = @($help.parameters.parameter | Where-Object { $_.description.Text }).ForEach('name') | Sort-Object
        $described | Should -Be $declared
    }

    It 'has two examples or more, which run a cmdlet of the module' {
        $examples = @($help.examples.example)
        $examples.Count | Should -BeGreaterOrEqual 2
        foreach ($example in $examples) {
            "$($example.introduction.Text)" | Should -Match '-MicroVm'
        }
    }

    It 'says what goes in and what comes out' {
        $page | Should -Match '(?m)^## INPUTS\s+### \S+\s+\S'
        $page | Should -Match '(?m)^## OUTPUTS\s+### \S+\s+\S'
        foreach ($type in $command.OutputType.Name) {
            $page | Should -Match "(?m)^### $([regex]::Escape($type))$"
        }
    }

    It 'names no error that does not exist' {
        $known = [MicroVm.Engine.Errors.ErrorIds].GetFields().Name + 'InvalidParameterCombination'
        $section = ($page -split '(?m)^## NOTES')[1]
        foreach ($line in $section -split "`n" -match '^- `') {
            [regex]::Matches($line.Split(':')[0], '`(\w+)`').ForEach({ $_.Groups[1].Value }) | ForEach-Object { $_ | Should -BeIn $known }
        }
    }

    It 'has the syntax of the cmdlet' {
        $section = ($page -split '(?m)^## SYNTAX$|^## ALIASES$')[1]
        $written = [regex]::Matches($section, '(?s)```\n(.+?)\n```') | ForEach-Object { $_.Groups[1].Value -replace '\s+', ' ' }
        $now = $command.ParameterSets | ForEach-Object { "$name $_" -replace ' \[<CommonParameters>\]$' }
        @($written) | Sort-Object | Should -BeExactly (@($now) | Sort-Object)
    }

    It 'leaves nothing to be filled in' {
        $page | Should -Not -Match '\{\{'
    }
}

Describe 'about_MicroVm' {
    It 'is shown by Get-Help' {
        "$(Get-Help about_MicroVm)" | Should -BeLike '*microVMs on Linux*'
    }
}

Describe 'The Markdown' -Skip:(-not $platyPS) {
    BeforeAll {
        Import-Module Microsoft.PowerShell.PlatyPS
    }

    It 'is what the command help was made from (build.ps1 Docs makes it again)' {
        & (Join-Path $root 'docs/Export-CommandHelp.ps1') -Destination $TestDrive
        $name = 'MicroVm.Commands.dll-Help.xml'
        Get-Content (Join-Path $root "en-US/$name") -Raw | Should -BeExactly (Get-Content (Join-Path $TestDrive $name) -Raw)
    }
}

Describe 'The comparison of Markdown and command help' -Skip:([bool] $platyPS) {
    It 'needs Microsoft.PowerShell.PlatyPS' {
        Set-ItResult -Skipped -Because 'Microsoft.PowerShell.PlatyPS is not installed'
    }
}
