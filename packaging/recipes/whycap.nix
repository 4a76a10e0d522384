# The release's program for Nix: nix-build -E 'with import <nixpkgs> {}; callPackage ./whycap.nix {}'
{ lib, stdenvNoCC, fetchurl }:
let
  version = "@VERSION@";
  archives = {
    x86_64-linux = { target = "x86_64-unknown-linux-musl"; sha256 = "@SUM_x86_64-unknown-linux-musl@"; };
    aarch64-linux = { target = "aarch64-unknown-linux-musl"; sha256 = "@SUM_aarch64-unknown-linux-musl@"; };
    x86_64-darwin = { target = "x86_64-apple-darwin"; sha256 = "@SUM_x86_64-apple-darwin@"; };
    aarch64-darwin = { target = "aarch64-apple-darwin"; sha256 = "@SUM_aarch64-apple-darwin@"; };
  };
  archive = archives.${stdenvNoCC.hostPlatform.system};
in
stdenvNoCC.mkDerivation {
  pname = "whycap";
  inherit version;
  src = fetchurl {
    url = "https://github.com/whycap/whycap/releases/download/v${version}/whycap-${version}-${archive.target}.tar.gz";
    inherit (archive) sha256;
  };
  installPhase = ''
    install -Dm755 whycap -t $out/bin
    install -Dm644 completions/whycap.bash $out/share/bash-completion/completions/whycap
    install -Dm644 completions/_whycap -t $out/share/zsh/site-functions
    install -Dm644 completions/whycap.fish -t $out/share/fish/vendor_completions.d
  '';
  meta = {
    description = "Shows what Claude Code costs and what limit errors really mean";
    homepage = "https://github.com/whycap/whycap";
    license = with lib.licenses; [ mit asl20 ];
    platforms = builtins.attrNames archives;
    mainProgram = "whycap";
  };
}
