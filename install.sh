#!/bin/sh
# Installs whycap and adds it to Claude Code. Downloads a released program if there is one, and builds the program
# otherwise.
#
# Changes the build directory, PREFIX/bin/whycap, and the files that `whycap install` lists. Downloads a release with its
# checksum, or the crates that cargo needs for the build.
set -eu

# packaging/first_release.sh turns this on.
released=no
releases=https://github.com/whycap/whycap/releases/download

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

usage() {
    cat <<'END'
Usage: ./install.sh [--prefix DIR] [--build] [--no-settings]
       ./install.sh --uninstall [--prefix DIR]

Installs whycap in DIR/bin and adds it to Claude Code: a status line and hooks in
the settings, and a plugin for /whycap in ~/.claude/skills.

  --prefix DIR    the directory to install into (default: ~/.local)
  --build         build whycap even if there is a release
  --no-settings   install only the program, without adding it to Claude Code
  --uninstall     remove whycap from Claude Code and delete the program
  --help          show this text

To build in a directory other than target/, set CARGO_TARGET_DIR, as for cargo.
END
}

prefix=
build=no
settings=yes
action=install
while [ $# -gt 0 ]; do
    case $1 in
        --prefix)
            if [ $# -lt 2 ] || [ -z "$2" ]; then fail '--prefix needs a directory'; fi
            prefix=$2
            shift
            ;;
        --prefix=?*) prefix=${1#--prefix=} ;;
        --build) build=yes ;;
        --no-settings) settings=no ;;
        --uninstall) action=uninstall ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            usage >&2
            fail "unknown option: $1"
            ;;
    esac
    shift
done

if [ -z "$prefix" ]; then
    [ -n "${HOME:-}" ] || fail 'HOME is not set; choose a directory with --prefix DIR'
    prefix=$HOME/.local
fi
absolute() {
    case $1 in
        /*) printf '%s' "$1" ;;
        *) printf '%s/%s' "$(pwd)" "$1" ;;
    esac
}
bin=$(absolute "$prefix")/bin
program=$bin/whycap
# whycap's data directory, as in src/environment/paths.rs. It contains the record of the directories that this script and whycap
# created, one on each line.
case $(uname -s) in
    Darwin) data="${HOME:-}/Library/Application Support/whycap" ;;
    *) data=${XDG_DATA_HOME:-${HOME:-}/.local/share}/whycap ;;
esac
data=${WHYCAP_DATA_DIR:-$data}
record=$data/made-directories

# Prints the directories on the path $1 that do not exist, innermost first.
missing_directories() {
    missing=$1
    while [ ! -d "$missing" ] && [ "$missing" != / ]; do
        printf '%s\n' "$missing"
        missing=$(dirname -- "$missing")
    done
}

# Removes the directories that are listed in $1, contain the program or the record, and are empty. Other directories are
# never removed.
remove_empty() {
    sort -r <<END | while IFS= read -r directory; do
$1
END
        case $bin/ in "$directory"/*) rmdir -- "$directory" 2>/dev/null || : ;; esac
        case $data/ in "$directory"/*) rmdir -- "$directory" 2>/dev/null || : ;; esac
    done
}

is_whycap() {
    case $("$1" --version 2>/dev/null || :) in
        'whycap '*) return 0 ;;
        *) return 1 ;;
    esac
}

# Prints a string as a single word of a shell command.
quoted() {
    case $1 in
        *[!A-Za-z0-9/._-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
        *) printf '%s' "$1" ;;
    esac
}

source=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
# If the script is read from standard input, $source is the working directory, which may contain another project.
is_source=$(sed -n '/^\[package\]/,/^\[/s/^name = "whycap"$/yes/p' "$source/Cargo.toml" 2>/dev/null) || is_source=
target=$(absolute "${CARGO_TARGET_DIR:-$source/target}")

# Prints the directory that the build left behind, if there is one: $target, or only $target/source if other builds have
# left something in $target.
build_directory() {
    [ "$is_source" = yes ] && [ -d "$target/source" ] || return 0
    for directory in "$target"/*/; do
        case $directory in
            "$target"/source/) ;;
            *)
                printf '%s' "$target/source"
                return 0
                ;;
        esac
    done
    printf '%s' "$target"
}

if [ "$action" = uninstall ]; then
    [ -e "$program" ] || fail "there is no $program; was it installed with a different --prefix?"
    is_whycap "$program" || fail "$program is not whycap, so it was not deleted"
    [ "$settings" = no ] || WHYCAP_FROM=install.sh "$program" uninstall
    made=$(cat -- "$record" 2>/dev/null) || :
    rm -f -- "$program" "$record"
    remove_empty "$made"
    say "Deleted $program."
    built_in=$(build_directory)
    [ -z "$built_in" ] || say "The build directory remains. To delete it: rm -r $(quoted "$built_in")"
    exit 0
fi

[ "$is_source" = yes ] ||
    fail "$source does not contain whycap; run install.sh from the whycap folder"

made=$(missing_directories "$bin" && missing_directories "$data")
new=$bin/.whycap.new.$$
sample=$bin/.whycap.sample.$$
scratch=$bin/.whycap.fetched.$$
log=$bin/.whycap.log.$$
cargo=
# Delete the files that killed runs left behind. Each name ends with the process ID.
for left in "$bin"/.whycap.*.*; do
    kill -0 "${left##*.}" 2>/dev/null || rm -rf -- "$left"
done
signals='INT TERM HUP QUIT PIPE ALRM USR1 USR2 ABRT XCPU'
# shellcheck disable=SC2329,SC2086 # called by the traps; a list
clean() {
    # A second signal must not interrupt the cleanup or its commands.
    trap '' $signals
    [ -z "$cargo" ] || kill "$cargo" 2>/dev/null || :
    rm -f -- "$new" "$log"
    rm -rf -- "$sample" "$scratch"
    [ -e "$program" ] || remove_empty "$made"
}
trap clean EXIT
# shellcheck disable=SC2086 # a list
trap 'exit 130' $signals

# --- Download a release ---------------------------------------------------------------------------
# packaging/archive.sh uses the same name.
name_of_release() {
    case $(uname -sm) in
        'Linux x86_64') system=x86_64-unknown-linux-musl ;;
        'Linux aarch64') system=aarch64-unknown-linux-musl ;;
        'Darwin arm64') system=aarch64-apple-darwin ;;
        'Darwin x86_64') system=x86_64-apple-darwin ;;
        *) return 1 ;;
    esac
    version=$(sed -n 's/^version *= *"\([0-9.]*\)".*/\1/p' "$source/Cargo.toml" | head -n 1)
    archive=whycap-$version-$system.tar.gz
}

fetch() { # URL FILE
    if command -v curl >/dev/null 2>&1; then
        curl --fail --silent --location --connect-timeout 10 --max-time 300 -o "$2" "$1"
    else
        wget --quiet --timeout=30 --tries=1 -O "$2" "$1"
    fi
}

sum_of() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# Downloads the released program to $built. Returns 1 if no release can be downloaded, and ends the script if the
# checksum differs.
take_release() {
    name_of_release && mkdir -p -- "$scratch" || return 1
    say "Downloading whycap $version for this system (3 MB) ..."
    if ! { fetch "$releases/v$version/$archive" "$scratch/$archive" && fetch "$releases/v$version/SHA256SUMS" "$scratch/sums"; }; then
        say "The download from $releases failed."
        return 1
    fi
    [ "$(sum_of "$scratch/$archive")" = "$(sed -n "s/ [ *]$archive\$//p" "$scratch/sums")" ] ||
        fail "$archive does not match its checksum. Nothing was installed. Try again, or build whycap: ./install.sh --build"
    tar -C "$scratch" -xzf "$scratch/$archive" || fail "could not unpack $archive; build whycap instead: ./install.sh --build"
    built=$scratch/${archive%.tar.gz}/whycap
    is_whycap "$built" || fail "the program in $archive does not run on this system; build whycap instead: ./install.sh --build"
}

# --- Or build it ----------------------------------------------------------------------------------
# The value of CARGO_TERM_PROGRESS_WHEN, which tells cargo when to draw its progress bar.
progress_bar=auto

run_cargo() {
    if ! [ -t 1 ]; then
        build --quiet
        return
    fi
    # On a terminal, a single line shows the progress. If the build fails, cargo's output is shown.
    mkdir -p -- "$bin" || fail "could not create $bin; choose a different directory with --prefix DIR"
    progress_bar=always
    build >"$log" 2>&1 &
    cargo=$!
    while kill -0 "$cargo" 2>/dev/null; do
        printf '\r\033[K  %s, %s s ' "$(progress)" "$(($(date +%s) - started))"
        sleep 1
    done
    code=0
    wait "$cargo" || code=$?
    cargo=
    printf '\r\033[K'
    [ "$code" -eq 0 ] || tr '\r' '\n' <"$log" | grep -v '^ *Building \[' >&2
    return "$code"
}

# Prints how much of the build is done, according to cargo's progress bar: "Building [==>  ] 57/113: serde".
progress() {
    counts=$(tr '\r' '\n' <"$log" | sed -n 's|^ *Building \[[^]]*\] \([0-9]*\)/\([0-9]*\).*|\1 \2|p' | tail -n 1)
    compiled=${counts% *}
    total=${counts#* }
    if [ -z "$counts" ]; then
        printf 'starting'
    elif [ "$((compiled + 1))" -lt "$total" ]; then
        printf '%s of %s steps done' "$compiled" "$total"
    else
        printf '%s of %s steps done, now whycap itself (longest)' "$compiled" "$total"
    fi
}

build() { # [OPTION]
    # Only the program itself is linked statically, because procedural macros cannot be.
    static=
    if has_static_libc; then static='-C target-feature=+crt-static'; fi
    inlining=$(inline_less)
    # Combining scalar operations into vector operations takes a twentieth of the time that linking takes, but it does
    # not make whycap faster.
    scalar='-C no-vectorize-slp'
    # shellcheck disable=SC2086 # options or nothing
    (cd "$source" && CARGO_TARGET_DIR=$target CARGO_TERM_PROGRESS_WHEN=$progress_bar CARGO_TERM_PROGRESS_WIDTH=80 \
        exec cargo rustc --bin whycap --profile source --locked "$@" -- $static $scalar $inlining)
}

# Prints the option that limits how large a function may be to be inlined into another part of the program: 30
# instructions instead of 100. This saves a fifth of the time that linking takes, and a status-line call remains as fast.
# Prints nothing if the compiler does not know the option, which belongs to LLVM.
inline_less() {
    option='-C llvm-args=-import-instr-limit=30'
    # shellcheck disable=SC2086 # two words
    if rustc $option --print sysroot >/dev/null 2>&1; then printf '%s' "$option"; fi
}

# Succeeds if the static C library is installed. A static program starts faster, because nothing has to be loaded and
# linked each time Claude Code calls it. It remains position-independent: a fixed address would save 0.1 ms.
has_static_libc() {
    [ "$(uname -s)" = Linux ] || return 1
    case $(rustc -vV 2>/dev/null) in *'host: '*-linux-gnu*) ;; *) return 1 ;; esac
    # If the compiler does not find the file, it prints only the name.
    case $(cc -print-file-name=libc.a 2>/dev/null) in /*) ;; *) return 1 ;; esac
}

build_here() {
    wanted=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$source/Cargo.toml")
    if ! command -v cargo >/dev/null 2>&1; then
        # rustup installs cargo here, but only new shells have the directory on PATH.
        if [ -x "${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo" ]; then
            PATH="${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH"
            export PATH
        else
            cat >&2 <<END
install.sh: building whycap requires Rust $wanted or newer, but cargo was not found. Nothing was changed.
To install Rust for your user (without root), run this, and then run install.sh again:
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal
Or use your system's package manager if it has $wanted or newer: dnf install cargo, brew install rust, pacman -S rust
END
            exit 1
        fi
    fi
    found=$(cargo --version 2>/dev/null | sed -n 's/^cargo \([0-9]*\.[0-9]*\).*/\1/p') || found=
    [ -n "$found" ] || fail 'cargo does not run; to see why: cargo --version'
    if [ "${found%%.*}" -lt "${wanted%%.*}" ] || {
        [ "${found%%.*}" -eq "${wanted%%.*}" ] && {
            minor=${wanted#*.}
            [ "${found#*.}" -lt "${minor%%.*}" ]
        }
    }; then
        fail "cargo is $found, but whycap requires $wanted or newer; to update: rustup update stable"
    fi

    if [ -f "$target/source/whycap" ]; then
        say "Building whycap in $target (only what has changed) ..."
    else
        say "Building whycap in $target. This takes about two minutes on two cores and uses 250 MB, which you can delete afterward ..."
    fi
    started=$(date +%s)
    run_cargo || fail 'the build failed; see the errors from cargo above. Nothing was installed'
    say "Built in $(($(date +%s) - started)) s."
    [ -f "$target/source/whycap" ] || fail "cargo did not create $target/source/whycap; is build.target set in a cargo config?"
    built=$target/source/whycap
}

if [ -n "${WHYCAP_RELEASES:-}" ]; then
    # A mirror, or a test server.
    released=yes
    releases=$WHYCAP_RELEASES
fi
if [ "$build" = yes ] || [ "$released" = no ] || ! take_release; then
    build_here
fi

# --- Install it -----------------------------------------------------------------------------------
# If this were a directory, mv would move the program into it.
[ ! -d "$program" ] || fail "$program is a directory; move it somewhere else, or choose a different directory with --prefix DIR"
mkdir -p -- "$bin" || fail "could not create $bin; choose a different directory with --prefix DIR"
# The program is replaced in one step, so that running instances are not disturbed.
if ! { cp -- "$built" "$new" && chmod 755 "$new" && mv -f -- "$new" "$program"; }; then
    fail "could not write $program; choose a different directory with --prefix DIR"
fi
if [ -n "$made" ]; then
    (umask 077 && mkdir -p -- "$data" && printf '%s\n' "$made" >>"$record") || :
fi
say "Installed $program ($("$program" --version))."

undo="$(quoted "$source/install.sh") --uninstall"
[ "$bin" = "${HOME:-}/.local/bin" ] || undo="$undo --prefix $(quoted "${bin%/bin}")"

has_line=no
if [ "$settings" = yes ]; then
    say ''
    done=$("$program" install) ||
        fail "the program is installed, but was not added to Claude Code; follow the advice above, then run: $program install"
    say "$done"
    case $done in
        *'status line unchanged'*) ;;
        *) has_line=yes ;;
    esac
fi

# --- Show it --------------------------------------------------------------------------------------
has_history() {
    for history in "${CLAUDE_CONFIG_DIR:-${HOME:-}/.claude}"/projects/*/*.jsonl; do
        [ -f "$history" ] && return 0
    done
    return 1
}

show() { # STATUS-JSON
    printf '%s' "$1" | COLUMNS="${COLUMNS:-80}" "$program" statusline
    say ''
    "$program" spend --since "$(date +%Y-%m-%d)" || say '(whycap spend failed)'
}

# Only terminals get colors.
if ! [ -t 1 ]; then
    NO_COLOR=1
    export NO_COLOR
fi
model='"model":{"id":"claude-opus-5-5","display_name":"Opus 5.5"}'
say ''
if has_history; then
    if [ "$has_line" = yes ]; then
        say 'This is your status line and your spend today:'
    else
        say "This is whycap's status line (Claude Code does not show it yet) and your spend today:"
    fi
    say ''
    show "{$model}"
else
    if [ "$has_line" = yes ]; then
        say 'Claude Code has no history yet. This is a SAMPLE of what you will see:'
    else
        say "Claude Code has no history yet. This is whycap's status line with SAMPLE figures (Claude Code does not show it yet):"
    fi
    say ''
    id=00000000-0000-4000-8000-000000000000
    mkdir -p "$sample/config/projects/sample"
    now=$(date -u +%Y-%m-%dT%H:%M:%S.000Z)
    sed "s/@NOW@/$now/g" "$source/packaging/sample.jsonl" >"$sample/config/projects/sample/$id.jsonl"
    seconds=$(date +%s)
    windows="\"five_hour\":{\"used_percentage\":38,\"resets_at\":$((seconds + 6700))},\"seven_day\":{\"used_percentage\":61,\"resets_at\":$((seconds + 250000))}"
    session="\"session_id\":\"$id\",\"transcript_path\":\"$sample/config/projects/sample/$id.jsonl\""
    (
        CLAUDE_CONFIG_DIR=$sample/config
        WHYCAP_DATA_DIR=$sample/data
        export CLAUDE_CONFIG_DIR WHYCAP_DATA_DIR
        show "{$session,$model,\"context_window\":{\"used_percentage\":41},\"rate_limits\":{$windows}}"
    )
fi

say ''
case ":$PATH:" in
    *":$bin:"*) say 'In a shell, try: whycap explain, whycap spend, whycap doctor' ;;
    *)
        say "To use \`whycap\` in a shell, add $bin to your PATH:"
        say "  export PATH=\"$bin:\$PATH\""
        ;;
esac
if [ "$settings" = yes ]; then
    say 'In a new session of Claude Code, try: /whycap (this works even if whycap is not on your PATH)'
else
    say "To add whycap to Claude Code: $(quoted "$program") install"
fi
say "To remove whycap from Claude Code and delete the program (whycap uninstall keeps it): $undo"
