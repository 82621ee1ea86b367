<#
.SYNOPSIS
Runs Pester files and ends with exit code 1 if any test failed.
#>
param([Parameter(Mandatory, ValueFromRemainingArguments)] [string[]] $Path)

Import-Module Pester -MinimumVersion 5.0 -MaximumVersion 5.999

# The files share one build of the base image; each has a home of its own otherwise.
$env:MICROVM_TEST_IMAGES = [System.IO.Directory]::CreateTempSubdirectory('microvm-images-').FullName
try {
    $configuration = New-PesterConfiguration
    $configuration.Run.Path = $Path
    $configuration.Run.PassThru = $true
    $configuration.Output.Verbosity = 'Normal'
    $result = Invoke-Pester -Configuration $configuration
}
finally {
    Remove-Item $env:MICROVM_TEST_IMAGES -Recurse -Force
}

exit [int]($result.Result -ne 'Passed')
