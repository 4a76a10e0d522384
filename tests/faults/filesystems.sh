#!/bin/sh
# Tests races between clearing locks and taking them over (tests/unit/lock_races.rs) on several file systems, each in
# its own mount namespace.
#   tests/faults/filesystems.sh TEST-PROGRAM RACES [ext4|tmpfs|overlay|btrfs|xfs ...]
# TEST-PROGRAM is the path that `cargo test --release --lib --no-run` prints. The script needs root, and reports file
# systems that cannot be created.
set -eu
program=$1 races=$2
shift 2
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
[ "$#" -gt 0 ] || set -- ext4 tmpfs overlay btrfs
for system in "$@"; do
  # shellcheck disable=SC2016 # the shell inside expands it
  program=$program races=$races system=$system scratch=$scratch unshare --mount --propagation private sh -eu -c '
      place=$scratch/$system
      mkdir -p "$place"
      case $system in
        tmpfs) mount -t tmpfs -o size=512m races "$place" ;;
        overlay)
          mount -t tmpfs -o size=512m races "$place"
          mkdir "$place/lower" "$place/upper" "$place/work" "$place/seen"
          mount -t overlay -o "lowerdir=$place/lower,upperdir=$place/upper,workdir=$place/work" races "$place/seen"
          place=$place/seen ;;
        *)
          truncate -s 1G "$scratch/$system.disk"
          "mkfs.$system" -q "$scratch/$system.disk"
          mount -o loop "$scratch/$system.disk" "$place" ;;
      esac
      mkdir "$place/tmp"
      TMPDIR=$place/tmp WHYCAP_RACES=$races "$program" --nocapture what_is_taken_over_while_it_is_cleared 2>&1 |
        sed -n "s/^\(.*races, .*\)$/$system: \1/p; s/^test result: FAILED.*/$system: FAILED/p"
    ' || echo "$system: cannot be tried here"
done
