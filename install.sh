#!/bin/sh
# Builds whycap, puts it on your machine and adds it to Claude Code. See --help.
#
# Touches: the build directory, PREFIX/bin/whycap, and what `whycap install` says that it changes.
# Fetches nothing but whycap's own dependencies, through cargo.
set -eu

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

usage() {
    cat <<'END'
Usage: ./install.sh [--prefix DIR] [--no-settings]
       ./install.sh --uninstall [--prefix DIR]

Builds whycap, puts it into DIR/bin and adds it to Claude Code's settings.

  --prefix DIR    where to put it: DIR/bin/whycap (default: ~/.local)
  --no-settings   only the program; leave Claude Code's settings alone
  --uninstall     take whycap out of the settings and delete the program
  --help          this text

CARGO_TARGET_DIR says where to build, as for cargo (default: target/).
END
}

prefix=
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
    rm -f -- "$program"
    say "Deleted $program."
    exit 0
fi

source=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
# Read from standard input, it does not know its own folder, and another project's would be built.
is_source=$(sed -n '/^\[package\]/,/^\[/s/^name = "whycap"$/yes/p' "$source/Cargo.toml" 2>/dev/null) || is_source=
[ "$is_source" = yes ] ||
    fail "$source holds no whycap; run the install.sh that lies in its folder"

# --- What it takes to build -----------------------------------------------------------------------
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

# mv would put the program into it.
[ ! -d "$program" ] || fail "there is a directory in the place of $program; move it away, or choose another place with --prefix DIR"
mkdir -p -- "$bin" || fail "could not make $bin; choose another place with --prefix DIR"
new=$bin/.whycap.new.$$
sample=$target/whycap-sample.$$
# What a run that was killed (kill -9) has left: its number stands at the end of the name.
for left in "$bin"/.whycap.new.* "$target"/whycap-sample.*; do
    kill -0 "${left##*.}" 2>/dev/null || rm -rf -- "$left"
done
signals='INT TERM HUP QUIT PIPE ALRM USR1 USR2 ABRT XCPU'
# shellcheck disable=SC2329,SC2086 # called by the traps; a list
clean() {
    # A second signal must not end this half way, nor what it starts.
    trap '' $signals
    rm -f -- "$new"
    rm -rf -- "$sample"
}
trap clean EXIT
# shellcheck disable=SC2086 # a list
trap 'exit 130' $signals
# Beside it and then over it: a whycap that runs right now goes on undisturbed.
if ! { cp -- "$target/release/whycap" "$new" && chmod 755 "$new" && mv -f -- "$new" "$program"; }; then
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

has_line=no
if [ "$settings" = yes ]; then
    say ''
    done=$("$program" install) || fail "the program is installed, but not in Claude Code's settings; mend what it says, then run: $program install"
    say "$done"
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
