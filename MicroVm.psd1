@{
    RootModule           = 'module/bin/MicroVm.Commands.dll'
    ModuleVersion        = '0.1.0'
    GUID                 = '160955d8-0dd5-4c47-89cc-9637ee1c66e5'
    Author               = 'The MicroVm authors'
    CompanyName          = 'The MicroVm authors'
    Copyright            = 'Copyright (c) The MicroVm authors'
    Description          = 'Creates, suspends, snapshots, clones and removes microVMs on Linux, as objects in a pipeline.'
    PowerShellVersion    = '7.6'
    CompatiblePSEditions = @('Core')
    TypesToProcess       = @('module/MicroVm.Types.ps1xml')
    FormatsToProcess     = @('module/MicroVm.Format.ps1xml')
    FunctionsToExport    = @()
    CmdletsToExport      = @(
        'Add-MicroVmNetworkInterface'
        'Copy-MicroVm'
        'Copy-MicroVmItem'
        'Get-MicroVm'
        'Get-MicroVmHost'
        'Get-MicroVmHypervisor'
        'Get-MicroVmImage'
        'Get-MicroVmLog'
        'Get-MicroVmNetwork'
        'Get-MicroVmSnapshot'
        'Install-MicroVmImage'
        'Invoke-MicroVmCommand'
        'New-MicroVm'
        'New-MicroVmNetwork'
        'New-MicroVmSpec'
        'Publish-MicroVmPort'
        'Register-MicroVmEvent'
        'Remove-MicroVm'
        'Remove-MicroVmImage'
        'Remove-MicroVmNetwork'
        'Remove-MicroVmNetworkInterface'
        'Remove-MicroVmSnapshot'
        'Rename-MicroVm'
        'Rename-MicroVmSnapshot'
        'Repair-MicroVmHost'
        'Restart-MicroVm'
        'Restore-MicroVm'
        'Resume-MicroVm'
        'Save-MicroVmSnapshot'
        'Set-MicroVm'
        'Set-MicroVmHost'
        'Start-MicroVm'
        'Stop-MicroVm'
        'Suspend-MicroVm'
        'Sync-MicroVmClock'
        'Test-MicroVmHost'
        'Test-MicroVmSnapshot'
        'Unpublish-MicroVmPort'
        'Update-MicroVmEntropy'
        'Wait-MicroVm'
        'Watch-MicroVm'
    )
    VariablesToExport    = @()
    AliasesToExport      = @('Checkpoint-MicroVm')
    PrivateData          = @{
        PSData = @{
            Tags = @('microvm', 'virtualization', 'virtual-machine', 'snapshot', 'qemu', 'kvm', 'PSEdition_Core', 'Linux')
        }
    }
}
