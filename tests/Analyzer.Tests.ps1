BeforeDiscovery {
    $root = Split-Path $PSScriptRoot
    $missing = -not (Get-Module PSScriptAnalyzer -ListAvailable)
    $scripts = Get-ChildItem $root -Recurse -Include '*.ps1', '*.psd1' |
        Where-Object FullName -NotMatch '/(artifacts|bin|obj)/' |
        ForEach-Object { @{ Name = [System.IO.Path]::GetRelativePath($root, $_.FullName); Path = $_.FullName } }
}

Describe 'PSScriptAnalyzer' -Skip:$missing {
    It 'has nothing to say about <Name>' -ForEach $scripts {
        $settings = ($Path.StartsWith($PSScriptRoot) -or $Name -like '*.Tests.ps1') ? @{ Settings = Join-Path $PSScriptRoot 'PSScriptAnalyzerSettings.psd1' } : @{}

        Invoke-ScriptAnalyzer $Path @settings | ForEach-Object { "$($_.RuleName) at line $($_.Line): $($_.Message)" } | Should -BeNullOrEmpty
    }
}
