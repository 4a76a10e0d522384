<#
.SYNOPSIS
Builds whycap on Windows, installs it, and adds it to Claude Code.

.DESCRIPTION
Changes only the build directory, PREFIX\bin\whycap.exe, and the files that `whycap install` lists. Downloads only
whycap's dependencies, through cargo. If you do not have Rust, use npm install -g whycap

  powershell -ExecutionPolicy Bypass -File install.ps1
  powershell -ExecutionPolicy Bypass -File install.ps1 -Uninstall

.PARAMETER Prefix
The directory to install to: PREFIX\bin\whycap.exe. Default: %LOCALAPPDATA%\Programs\whycap

.PARAMETER NoSettings
Install only the program, and leave Claude Code's settings alone.

.PARAMETER Uninstall
Remove whycap from the settings, and delete the program.
#>
[CmdletBinding()]
param(
    [string] $Prefix,
    [switch] $NoSettings,
    [switch] $Uninstall
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'

function Stop-Because([string] $Why) {
    [Console]::Error.WriteLine("install.ps1: $Why")
    exit 1
}

if (-not $Prefix) {
    if (-not $env:LOCALAPPDATA) { Stop-Because 'LOCALAPPDATA is not set; choose a directory with -Prefix DIR' }
    $Prefix = Join-Path $env:LOCALAPPDATA 'Programs\whycap'
}
$bin = Join-Path $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Prefix) 'bin'
$program = Join-Path $bin 'whycap.exe'

# A running program can be moved but not replaced. The moved program is deleted once it has exited.
function Remove-Old {
    Get-ChildItem -LiteralPath $bin -Filter 'whycap.exe.old-*' -ErrorAction SilentlyContinue |
        Remove-Item -Force -ErrorAction SilentlyContinue
}

function Move-Away {
    if (Test-Path -LiteralPath $program -PathType Leaf) {
        Move-Item -LiteralPath $program -Destination "$program.old-$PID" -Force
    }
}

if ($Uninstall) {
    if (-not (Test-Path -LiteralPath $program -PathType Leaf)) {
        Stop-Because "there is no $program; was it installed with a different -Prefix?"
    }
    if (-not $NoSettings) {
        # The program itself is deleted below, so it must not list itself among the files that remain.
        $env:WHYCAP_FROM = 'install.sh'
        & $program uninstall
        if ($LASTEXITCODE -ne 0) { Stop-Because 'the settings could not be restored; nothing was deleted' }
    }
    Move-Away
    Remove-Old
    Write-Output "Deleted $program."
    # All of the target directory, unless cargo built something else there, too.
    $built = if ($env:CARGO_TARGET_DIR) { $env:CARGO_TARGET_DIR } elseif ($PSScriptRoot) { Join-Path $PSScriptRoot 'target' }
    if ($built -and (Test-Path -LiteralPath (Join-Path $built 'release') -PathType Container)) {
        $others = Get-ChildItem -LiteralPath $built -Directory | Where-Object { $_.Name -ne 'release' }
        if ($others) { $built = Join-Path $built 'release' }
        Write-Output "The build directory remains. To delete it: Remove-Item -Recurse -Force '$($built.Replace("'", "''"))'"
    }
    exit 0
}

$source = $PSScriptRoot
$manifest = Join-Path $source 'Cargo.toml'
if (-not (Test-Path -LiteralPath $manifest -PathType Leaf)) {
    Stop-Because "$source does not contain whycap; run install.ps1 from the whycap folder"
}

# --- Build requirements -------------------------------------------------------------------------------
$wanted = [version] ((Select-String -LiteralPath $manifest -Pattern '^rust-version = "([0-9.]+)"').Matches[0].Groups[1].Value)
$cargo = Get-Command cargo -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
if (-not $cargo) {
    Stop-Because ("building whycap requires Rust $wanted or newer, but cargo was not found. Nothing was changed. " +
        'To install whycap without Rust: npm install -g whycap. To install Rust: https://rustup.rs, then run this again')
}
$said = & $cargo.Source --version
if ("$said" -notmatch '^cargo ([0-9]+\.[0-9]+)') { Stop-Because 'cargo does not run; to see why: cargo --version' }
if ([version] $Matches[1] -lt $wanted) {
    Stop-Because "cargo is $($Matches[1]), but whycap requires $wanted or newer; to update: rustup update stable"
}

# --- Build and install ----------------------------------------------------------------------------------
$target = if ($env:CARGO_TARGET_DIR) { $env:CARGO_TARGET_DIR } else { Join-Path $source 'target' }
Write-Output "Building whycap in ${target}. This takes about two minutes on two cores ..."
& $cargo.Source build --release --locked --manifest-path $manifest --target-dir $target
if ($LASTEXITCODE -ne 0) { Stop-Because 'the build failed; see the errors from cargo above. Nothing was installed' }
$built = Join-Path $target 'release\whycap.exe'
if (-not (Test-Path -LiteralPath $built -PathType Leaf)) {
    Stop-Because "cargo did not create $built; is build.target set in a cargo config?"
}

New-Item -ItemType Directory -Force -Path $bin | Out-Null
$new = "$program.new-$PID"
try {
    Copy-Item -LiteralPath $built -Destination $new -Force
    Move-Away
    Move-Item -LiteralPath $new -Destination $program
}
finally {
    Remove-Item -LiteralPath $new -Force -ErrorAction SilentlyContinue
}
Remove-Old
Write-Output "Installed $program ($(& $program --version))."

if (-not $NoSettings) {
    & $program install
    if ($LASTEXITCODE -ne 0) {
        Stop-Because "the program is installed, but was not added to Claude Code; follow the advice above, then run: & '$program' install"
    }
}

# --- Show it ---------------------------------------------------------------------------------------------
Write-Output ''
'{"model":{"id":"claude-opus-5-5","display_name":"Opus 5.5"}}' | & $program statusline
& $program spend --since (Get-Date -Format 'yyyy-MM-dd')
Write-Output ''
if (($env:PATH -split ';') -notcontains $bin) {
    Write-Output "To use ``whycap`` in a shell, add $bin to your PATH: Settings, System, About, Advanced system settings."
}
Write-Output 'In Claude Code, try: /whycap (this works even if whycap is not on your PATH)'
Write-Output "To remove whycap from Claude Code and delete the program (whycap uninstall keeps it): powershell -ExecutionPolicy Bypass -File '$source\install.ps1' -Uninstall$(if ($PSBoundParameters.ContainsKey('Prefix')) { " -Prefix '$Prefix'" })"
