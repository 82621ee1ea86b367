@{
    # Pester runs BeforeAll, BeforeDiscovery and It in one scope; the analyzer takes them for separate ones.
    ExcludeRules = @('PSUseDeclaredVarsMoreThanAssignments')
}
