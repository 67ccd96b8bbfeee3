# Collects what decides about client certificates on this server into a new folder. Reads only; exports no private key.
# Windows PowerShell 5.1, 64 bits, from an elevated prompt:  powershell -ExecutionPolicy Bypass -File collect.ps1 -Folder collected
#Requires -Version 5.1
#Requires -RunAsAdministrator
param([string]$Folder = "collected")
$ErrorActionPreference = "Stop"
if (-not [Environment]::Is64BitProcess) { throw "Run this in 64-bit PowerShell: 32 bits see other folders and keys." }
if (Test-Path -LiteralPath $Folder) { throw "$Folder exists already; name a new folder." }
foreach ($location in "LocalMachine", "CurrentUser") { $null = New-Item -ItemType Directory -Force -Path "$Folder\stores\$location" }
$Folder = (Resolve-Path -LiteralPath $Folder).ProviderPath

# One step; one that fails is named in collected.txt, and the others go on.
function Step([string]$What, [scriptblock]$Action) {
    try { & $Action; $said = "ok      $What" } catch { $said = "failed  $What  $($_.Exception.Message)" }
    Add-Content -LiteralPath (Join-Path $Folder "collected.txt") -Encoding UTF8 -Value $said
}

function Write-Text([string]$File, [string[]]$Lines) {
    Set-Content -LiteralPath (Join-Path $Folder $File) -Encoding UTF8 -Value $Lines
}

# The output of a program as a text file. A program that fails leaves no file.
function Save([string]$Name, [scriptblock]$Program) {
    Step $Name {
        $lines = & $Program
        if ($LASTEXITCODE -ne 0) { throw "exit code $LASTEXITCODE" }
        Write-Text $Name $lines
    }
}

# The certificates of a store, without keys. An empty store gives NAME.empty.
function Save-Store([string]$Location, [string]$Store) {
    $target = "stores\$Location\$Store"
    Step $target {
        $path = "Cert:\$Location\$Store"
        $found = @()
        if (Test-Path -LiteralPath $path) { $found = @(Get-ChildItem -LiteralPath $path) }
        $file = Join-Path $Folder $target
        if ($found.Count -eq 0) { $null = New-Item -ItemType File -Path "$file.empty" }
        else { $null = Export-Certificate -Cert $found -Type SST -FilePath "$file.sst" }
    }
}

# A key of the registry with all below it. A key that is not there gives NAME.empty.
function Save-Key([string]$Name, [string]$Key) {
    Step "stores\$Name" {
        $file = Join-Path $Folder "stores\$Name"
        if (-not (Test-Path -LiteralPath "Registry::$Key")) { $null = New-Item -ItemType File -Path "$file.empty"; return }
        $null = reg.exe export $Key "$file.reg" /y
        if ($LASTEXITCODE -ne 0) { throw "exit code $LASTEXITCODE" }
    }
}

# Stores of the machine, those that bindings name (Ctl Store Name), and those of whoever runs this
$bindings = "HKLM:\SYSTEM\CurrentControlSet\Services\HTTP\Parameters"
$named = @(
    "SslBindingInfo", "SslSniBindingInfo" |
        ForEach-Object { Get-ChildItem -ErrorAction SilentlyContinue -Path "$bindings\$_" } |
        ForEach-Object { $_.GetValue("DefaultSslCtlStoreName") } |
        Where-Object { $_ -match '^[\w .-]+$' }
)
$stores = @("Root", "CA", "Disallowed", "AuthRoot", "ClientAuthIssuer", "TrustedPeople") + $named | Sort-Object -Unique
foreach ($store in $stores) { Save-Store "LocalMachine" $store }
foreach ($store in "Root", "CA") { Save-Store "CurrentUser" $store }

# Where their certificates come from (group policy, enterprise, this machine), with properties and CRLs
Save-Key "policy" "HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\SystemCertificates"
Save-Key "enterprise" "HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\EnterpriseCertificates"
Save-Key "localmachine" "HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\SystemCertificates"

# Bindings of http.sys; the JSON is there on recent Windows only
Save "netsh-sslcert.txt" { netsh.exe http show sslcert }
Save "netsh-sslcert.json" { netsh.exe http show sslcert json=enable }

# Settings of Schannel and http.sys
Save "schannel.txt" { reg.exe query "HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL" /s }
Save "http-parameters.txt" { reg.exe query "HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters" /s }
Save "httpfilter.txt" { reg.exe query "HKLM\SYSTEM\CurrentControlSet\Services\HTTPFilter\Parameters" /s }

# Of applicationHost.config the sites and what is about security, without any password
Step "iis-config.xml" {
    $config = New-Object System.Xml.XmlDocument
    $config.Load("$env:windir\System32\inetsrv\config\applicationHost.config")
    $kept = "self::system.applicationHost or self::system.webServer or self::location"
    $unneeded = @($config.SelectNodes("/configuration/*[not($kept)]")) +
        @($config.SelectNodes("//system.applicationHost/*[not(self::sites)]")) +
        @($config.SelectNodes("//system.webServer/*[not(self::security or self::serverRuntime)]")) +
        @($config.SelectNodes("//location/*[not($kept)]")) + @($config.SelectNodes("//comment()"))
    foreach ($node in $unneeded) { $null = $node.ParentNode.RemoveChild($node) }
    foreach ($element in @($config.SelectNodes("//*"))) {
        foreach ($attribute in @($element.Attributes)) {
            if ($attribute.Name -match "password|key") { $element.RemoveAttribute($attribute.Name) }
        }
    }
    $config.Save((Join-Path $Folder "iis-config.xml"))
}

# What the server goes through to fetch CRLs, its clock, its version
Save "winhttp-proxy.txt" { netsh.exe winhttp show proxy }
Step "clock.txt" {
    $now = [DateTime]::UtcNow.ToString("o")
    $offset = w32tm.exe /stripchart /computer:time.windows.com /samples:1 /dataonly
    Write-Text "clock.txt" (@("UTC $now") + @(w32tm.exe /query /status) + @($offset))
}
Step "os.txt" {
    $os = Get-CimInstance -ClassName Win32_OperatingSystem
    Write-Text "os.txt" @("Caption: $($os.Caption)", "Version: $($os.Version)", "BuildNumber: $($os.BuildNumber)")
}
Get-Content -LiteralPath (Join-Path $Folder "collected.txt")
