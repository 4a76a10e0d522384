#!/bin/sh
# Puts whycap on your machine and adds it to Claude Code: a release's program where there is one, else built here. See --help.
#
# Touches: the build directory, PREFIX/bin/whycap, PREFIX/share/whycap/plugin, what `whycap install` says that it changes,
# and the list of plugins, through Claude Code's own command. Fetches a release with its checksum, or what cargo needs to build.
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
Usage: ./install.sh [--prefix DIR] [--build] [--no-plugin] [--no-settings]
       ./install.sh --uninstall [--prefix DIR]

Puts whycap into DIR/bin and adds it to Claude Code: status line and hooks in
the settings, and its plugin, whose /whycap leaves Claude Code's waiting for a
reset on.

  --prefix DIR    where to put it: DIR/bin/whycap (default: ~/.local)
  --build         build it even where a release has it
  --no-plugin     only status line and hooks
  --no-settings   only the program; leave Claude Code's settings alone
  --uninstall     take whycap out of the settings and delete the program
  --help          this text

CARGO_TARGET_DIR says where to build, as for cargo (default: target/).
END
}

prefix=
build=no
plugin=yes
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
        --no-plugin) plugin=no ;;
        --no-settings)
            settings=no
            plugin=no
            ;;
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
    [ -n "${HOME:-}" ] || fail 'HOME is not set; say where to install with --prefix DIR'
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
plugins=$(absolute "$prefix")/share/whycap/plugin

# Claude Code's own command for plugins. Its words are for its log.
claude_plugin() {
    claude plugin "$@" </dev/null >/dev/null 2>&1
}

is_whycap() {
    case $("$1" --version 2>/dev/null || :) in
        'whycap '*) return 0 ;;
        *) return 1 ;;
    esac
}

if [ "$action" = uninstall ]; then
    [ -e "$program" ] || fail "there is no $program; was it installed with another --prefix?"
    is_whycap "$program" || fail "$program is not whycap; it was left alone"
    [ "$settings" = no ] || "$program" uninstall
    if [ -d "$plugins" ]; then
        if command -v claude >/dev/null 2>&1; then
            claude_plugin uninstall whycap@whycap || :
            claude_plugin marketplace remove whycap || :
        fi
        rm -rf -- "$plugins"
        rmdir -- "${plugins%/plugin}" 2>/dev/null || :
        say 'Took the plugin out of Claude Code.'
    fi
    rm -f -- "$program"
    say "Deleted $program."
    exit 0
fi

source=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
# Read from standard input, it does not know its own folder, and another project's would be built.
is_source=$(sed -n '/^\[package\]/,/^\[/s/^name = "whycap"$/yes/p' "$source/Cargo.toml" 2>/dev/null) || is_source=
[ "$is_source" = yes ] ||
    fail "$source holds no whycap; run the install.sh that lies in its folder"

new=$bin/.whycap.new.$$
sample=$bin/.whycap.sample.$$
scratch=$bin/.whycap.fetched.$$
# What a run that was killed (kill -9) has left: its number stands at the end of the name.
for left in "$bin"/.whycap.*.*; do
    kill -0 "${left##*.}" 2>/dev/null || rm -rf -- "$left"
done
signals='INT TERM HUP QUIT PIPE ALRM USR1 USR2 ABRT XCPU'
# shellcheck disable=SC2329,SC2086 # called by the traps; a list
clean() {
    # A second signal must not end this half way, nor what it starts.
    trap '' $signals
    rm -f -- "$new"
    rm -rf -- "$sample" "$scratch"
}
trap clean EXIT
# shellcheck disable=SC2086 # a list
trap 'exit 130' $signals

# --- A release's program ------------------------------------------------------------------------------
# As packaging/archive.sh names it.
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

# Puts a release's program at $built. 1 if there is none that can be had; a program whose checksum is another is nothing to
# go on from.
take_release() {
    name_of_release && mkdir -p -- "$scratch" || return 1
    say "Fetching whycap $version for this system: a few seconds, 3 MB ..."
    if ! { fetch "$releases/v$version/$archive" "$scratch/$archive" && fetch "$releases/v$version/SHA256SUMS" "$scratch/sums"; }; then
        say "It could not be had from $releases."
        return 1
    fi
    [ "$(sum_of "$scratch/$archive")" = "$(sed -n "s/ [ *]$archive\$//p" "$scratch/sums")" ] ||
        fail "$archive is not what its checksum says. Nothing was installed; try again, or build it: ./install.sh --build"
    tar -C "$scratch" -xzf "$scratch/$archive" || fail "$archive cannot be unpacked; build it instead: ./install.sh --build"
    built=$scratch/${archive%.tar.gz}/whycap
    is_whycap "$built" || fail "the program in $archive does not run here; build it instead: ./install.sh --build"
}

# --- Or built here --------------------------------------------------------------------------------------
build_here() {
    wanted=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$source/Cargo.toml")
    if ! command -v cargo >/dev/null 2>&1; then
        # rustup puts it there, but only new shells have it on PATH.
        if [ -x "${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo" ]; then
            PATH="${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH"
            export PATH
        else
            cat >&2 <<END
install.sh: whycap is built with Rust $wanted or newer, and there is no cargo here. Nothing was changed.
Get Rust for your user alone, without root, then run this again:
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal
Or take it from your system, if it has $wanted or newer: dnf install cargo, brew install rust, pacman -S rust
END
            exit 1
        fi
    fi
    found=$(cargo --version 2>/dev/null | sed -n 's/^cargo \([0-9]*\.[0-9]*\).*/\1/p') || found=
    [ -n "$found" ] || fail 'cargo is here but does not run; try: cargo --version'
    if [ "${found%%.*}" -lt "${wanted%%.*}" ] || {
        [ "${found%%.*}" -eq "${wanted%%.*}" ] && {
            minor=${wanted#*.}
            [ "${found#*.}" -lt "${minor%%.*}" ]
        }
    }; then
        fail "cargo is $found, whycap needs $wanted or newer; update with: rustup update stable"
    fi

    # --- Build and put it there -------------------------------------------------------------------------
    target=$(absolute "${CARGO_TARGET_DIR:-$source/target}")
    if [ -f "$target/release/whycap" ]; then
        say "Building whycap in $target: what changed since the last time ..."
    else
        say "Building whycap in $target: two to three minutes on two cores, and 200 MB, which you may delete afterwards ..."
    fi
    # Whoever watches sees how far cargo is; a log gets its errors alone.
    quiet=--quiet
    if [ -t 2 ]; then quiet=; fi
    # shellcheck disable=SC2086 # an option or nothing
    (cd "$source" && CARGO_TARGET_DIR=$target cargo build --release --locked $quiet) ||
        fail 'the build failed; cargo says above why. Nothing was installed'
    [ -f "$target/release/whycap" ] || fail "cargo built no $target/release/whycap; is build.target set in a cargo config?"
    built=$target/release/whycap
}

if [ -n "${WHYCAP_RELEASES:-}" ]; then
    # A mirror, or a test's own.
    released=yes
    releases=$WHYCAP_RELEASES
fi
if [ "$build" = yes ] || [ "$released" = no ] || ! take_release; then
    build_here
fi

# --- Put it there ---------------------------------------------------------------------------------------
# mv would put the program into it.
[ ! -d "$program" ] || fail "there is a directory in the place of $program; move it away, or choose another place with --prefix DIR"
mkdir -p -- "$bin" || fail "could not make $bin; choose another place with --prefix DIR"
# Beside it and then over it: a whycap that runs right now goes on undisturbed.
if ! { cp -- "$built" "$new" && chmod 755 "$new" && mv -f -- "$new" "$program"; }; then
    fail "could not write $program; choose another place with --prefix DIR"
fi
say "Installed $program ($("$program" --version))."

# As one word of a shell command.
quoted() {
    case $1 in
        *[!A-Za-z0-9/._-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
        *) printf '%s' "$1" ;;
    esac
}
undo="$(quoted "$source/install.sh") --uninstall"
[ "$bin" = "${HOME:-}/.local/bin" ] || undo="$undo --prefix $(quoted "${bin%/bin}")"

# Where there is a Claude Code that takes plugins' modules (2.1.308 and later). What is in its list already stays.
add_plugin() {
    command -v claude >/dev/null 2>&1 || return 1
    client=$(claude --version </dev/null 2>/dev/null) || return 1
    number=${client%% *}
    case $number in 2.1.*) [ "${number#2.1.}" -ge 308 ] 2>/dev/null || return 1 ;; [01].* | 2.0.*) return 1 ;; esac
    mkdir -p -- "$plugins" && cp -R -- "$source/.claude-plugin" "$source/hooks" "$source/commands" "$plugins/" || return 1
    # The plugin as it lies here; the program is there already.
    sed 's|"source": {.*}|"source": "./"|' "$source/.claude-plugin/marketplace.json" >"$plugins/.claude-plugin/marketplace.json"
    claude_plugin marketplace add "$plugins" && claude_plugin install whycap@whycap
}

has_line=no
if [ "$settings" = yes ]; then
    say ''
    has_plugin=no
    if [ "$plugin" = yes ] && add_plugin; then has_plugin=yes; fi
    done=$("$program" install) || fail "the program is installed, but not in Claude Code's settings; mend what it says, then run: $program install"
    say "$done"
    [ "$has_plugin" = no ] || say "Its plugin is on: /whycap answers without ending Claude Code's waiting for a reset."
    case $done in
        *'status line left as it is'*) ;;
        *) has_line=yes ;;
    esac
fi

# --- Show it ----------------------------------------------------------------------------------------
has_history() {
    for history in "${CLAUDE_CONFIG_DIR:-${HOME:-}/.claude}"/projects/*/*.jsonl; do
        [ -f "$history" ] && return 0
    done
    return 1
}

show() { # STATUS-JSON
    printf '%s' "$1" | COLUMNS="${COLUMNS:-80}" "$program" statusline
    say ''
    "$program" spend --since "$(date +%Y-%m-%d)" || say '(whycap spend could not show it)'
}

# Colours are for terminals.
if ! [ -t 1 ]; then
    NO_COLOR=1
    export NO_COLOR
fi
model='"model":{"id":"claude-opus-5-5","display_name":"Opus 5.5"}'
say ''
if has_history; then
    if [ "$has_line" = yes ]; then
        say 'Your status line, and what you spent today:'
    else
        say "whycap's status line, which Claude Code does not show yet, and what you spent today:"
    fi
    say ''
    show "{$model}"
else
    if [ "$has_line" = yes ]; then
        say 'There is no Claude Code history here yet. This is a SAMPLE of what you will see:'
    else
        say "There is no Claude Code history here yet. whycap's status line, which Claude Code does not show yet, with SAMPLE figures:"
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
    *":$bin:"*) say 'In a shell: whycap explain, whycap spend, whycap doctor.' ;;
    *)
        say "To type \`whycap\` in a shell, put $bin on your PATH:"
        say "  export PATH=\"$bin:\$PATH\""
        ;;
esac
if [ "$settings" = yes ]; then
    say 'In Claude Code: /whycap. It works there whatever your PATH is.'
else
    say "To add it to Claude Code: $(quoted "$program") install"
fi
say "To undo all of this: $undo"
