<#
.SYNOPSIS
Makes the command help that Get-Help reads from the Markdown in docs/en-US. Needs Microsoft.PowerShell.PlatyPS.
#>
param([Parameter(Mandatory)] [string] $Destination)

$ErrorActionPreference = 'Stop'
Import-Module Microsoft.PowerShell.PlatyPS
$made = [System.IO.Directory]::CreateTempSubdirectory('maml').FullName
try {
    Get-ChildItem (Join-Path $PSScriptRoot 'en-US') -Filter '*-MicroVm*.md' |
        Import-MarkdownCommandHelp |
        Export-MamlCommandHelp -OutputFolder $made -Force |
        Out-Null
    $file = Get-ChildItem $made -Filter '*-Help.xml' -Recurse
    $text = (Get-Content $file -Raw).ReplaceLineEndings("`n").TrimEnd()

    # What PlatyPS leaves of the Markdown: fences around code, control characters for empty ones, and links from page to page, which Get-Help takes for
    # broken ones.
    $text = $text -replace '```powershell\n', 'PS> ' -replace '```\w+\n' -replace '(?<=\n)```(?=</maml:para>)'
    $text = $text -replace '\s*<maml:para>&#x80;</maml:para>' -replace '<maml:uri>[^:<]+</maml:uri>', '<maml:uri />'
    $null = New-Item $Destination -ItemType Directory -Force
    Set-Content (Join-Path $Destination $file.Name) $text
}
finally {
    Remove-Item $made -Recurse -Force
}
