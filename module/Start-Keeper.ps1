<#
.SYNOPSIS
The helper process of a state directory; the engine starts it when it is needed, see docs/architecture.md.
#>
param([string] $RunDirectory, [string] $DataDirectory, [string] $ModuleFile)

$null = [System.Reflection.Assembly]::LoadFrom((Join-Path $PSScriptRoot 'bin/MicroVm.Engine.dll'))
exit [MicroVm.Engine.Keeper.KeeperProgram]::Run(@($RunDirectory, $DataDirectory, $ModuleFile))
