#!/bin/sh
# Installs a formula with Homebrew, tests it, and removes it: try_homebrew.sh FORMULA DIRECTORY
#
# A server on this machine provides the archives from DIRECTORY instead of the release that the formula names.
# Homebrew does not run as root. WITHOUT_TEST=1 skips `brew test`,
# which downloads gems.
set -eu

if [ $# -ne 2 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
formula=$1
directory=$2
export HOMEBREW_NO_AUTO_UPDATE=1 HOMEBREW_NO_INSTALL_FROM_API=1 HOMEBREW_NO_ANALYTICS=1 HOMEBREW_NO_INSTALL_CLEANUP=1

scratch=$(mktemp -d)
server=
clean() {
    brew uninstall --force whycap >/dev/null 2>&1 || :
    brew untap whycap/try >/dev/null 2>&1 || :
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    rm -rf -- "$scratch"
}
trap clean EXIT

# With port 0, the server chooses a free port and prints it.
mkfifo "$scratch/says"
python3 -u -m http.server --bind 127.0.0.1 --directory "$directory" 0 >"$scratch/says" 2>"$scratch/log" &
server=$!
read -r says <"$scratch/says"
port=${says#* port }
port=${port%% *}

brew tap-new --no-git whycap/try >/dev/null
tap=$(brew --repository whycap/try)/Formula
mkdir -p "$tap"
sed "s|https://github.com/.*/releases/download/v[^/]*/|http://127.0.0.1:$port/|" "$formula" >"$tap/whycap.rb"

brew install --formula whycap/try/whycap
[ -n "${WITHOUT_TEST:-}" ] || brew test whycap/try/whycap
prefix=$(brew --prefix)
"$prefix/bin/whycap" --version
echo '{}' | "$prefix/bin/whycap" statusline
for file in etc/bash_completion.d/whycap share/zsh/site-functions/_whycap \
    share/fish/vendor_completions.d/whycap.fish; do
    [ -s "$prefix/$file" ] || { printf '%s: not installed: %s\n' "$0" "$file" >&2; exit 1; }
done
brew info whycap/try/whycap | sed -n '/Caveats/,$p'
brew uninstall whycap
if [ -e "$prefix/bin/whycap" ]; then
    printf '%s: still there: %s\n' "$0" "$prefix/bin/whycap" >&2
    exit 1
fi
echo 'Homebrew installed, started, and removed whycap'
