<#
.SYNOPSIS
Writes the public surface of the module as text: what a script can rely on.

.DESCRIPTION
After a wanted change: pwsh tests/BindingTable.ps1 > tests/BindingTable.txt
#>
Import-Module (Join-Path $PSScriptRoot '../MicroVm.psd1')

function Get-TypeText([type] $Type) {
    $nullable = [Nullable]::GetUnderlyingType($Type)
    $nullable ? "$($nullable.Name)?" : $Type.Name
}

function Get-BindingText($Set) {
    $traits = @(
        if ($Set.IsMandatory) { 'mandatory' }
        if ($Set.Position -ge 0) { "position $($Set.Position)" }
        if ($Set.ValueFromPipeline) { 'by value' }
        if ($Set.ValueFromPipelineByPropertyName) { 'by property name' }
    )
    $traits -join ', '
}

function Get-ParameterLine($Parameter) {
    $traits = @(
        if ($Parameter.Aliases) { "alias $($Parameter.Aliases -join ', ')" }
        if ($Parameter.Attributes | Where-Object { $_ -is [SupportsWildcards] }) { 'wildcards' }
        if ($Parameter.Attributes | Where-Object { $_ -is [ArgumentCompleter] }) { 'completed' }
        $Parameter.Attributes | Where-Object { $_ -is [ValidateRange] } | ForEach-Object { "$($_.MinRange)..$($_.MaxRange)" }
        if ($Parameter.Attributes | Where-Object { $_ -is [Parameter] -and $_.DontShow }) { 'hidden' }
    )
    $line = "  -$($Parameter.Name) <$(Get-TypeText $Parameter.ParameterType)>"
    $traits ? "$line  ($($traits -join '; '))" : $line
    foreach ($name in $Parameter.ParameterSets.Keys | Sort-Object) {
        $binding = Get-BindingText $Parameter.ParameterSets[$name]
        if ($name -ne '__AllParameterSets' -or $binding) {
            "      $($name -eq '__AllParameterSets' ? 'all sets' : $name)$($binding ? ": $binding" : '')"
        }
    }
}

$common = [System.Management.Automation.Cmdlet]::CommonParameters + [System.Management.Automation.Cmdlet]::OptionalCommonParameters
foreach ($command in Get-Command -Module MicroVm -CommandType Cmdlet | Sort-Object Name) {
    $declared = $command.ImplementingType.GetCustomAttributes([System.Management.Automation.CmdletAttribute], $false)[0]
    $command.Name
    "  outputs: $(($command.OutputType.Type | ForEach-Object Name) -join ', ')"
    "  default set: $($command.DefaultParameterSet ?? 'none')"
    "  confirms: $($declared.SupportsShouldProcess ? $declared.ConfirmImpact : 'never')"
    $aliases = (Get-Alias -Definition $command.Name -ErrorAction Ignore).Name
    if ($aliases) {
        "  alias: $($aliases -join ', ')"
    }

    $command.Parameters.Values | Where-Object Name -NotIn $common | Sort-Object Name | ForEach-Object { Get-ParameterLine $_ }
    ''
}
