# A template: packaging/recipes.sh fills in the version and the checksums of a release.
class Whycap < Formula
  desc "Shows what Claude Code costs and what limit errors really mean"
  homepage "https://github.com/whycap/whycap"
  version "@VERSION@"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    on_arm do
      url "https://github.com/whycap/whycap/releases/download/v@VERSION@/whycap-@VERSION@-aarch64-apple-darwin.tar.gz"
      sha256 "@SUM_aarch64-apple-darwin@"
    end
    on_intel do
      url "https://github.com/whycap/whycap/releases/download/v@VERSION@/whycap-@VERSION@-x86_64-apple-darwin.tar.gz"
      sha256 "@SUM_x86_64-apple-darwin@"
    end
  end

  on_linux do
    on_arm do
      url "https://github.com/whycap/whycap/releases/download/v@VERSION@/whycap-@VERSION@-aarch64-unknown-linux-musl.tar.gz"
      sha256 "@SUM_aarch64-unknown-linux-musl@"
    end
    on_intel do
      url "https://github.com/whycap/whycap/releases/download/v@VERSION@/whycap-@VERSION@-x86_64-unknown-linux-musl.tar.gz"
      sha256 "@SUM_x86_64-unknown-linux-musl@"
    end
  end

  def install
    bin.install "whycap"
    bash_completion.install "completions/whycap.bash" => "whycap"
    zsh_completion.install "completions/_whycap"
    fish_completion.install "completions/whycap.fish"
  end

  def caveats
    <<~EOS
      To add whycap to Claude Code:   whycap install
      Before removing this formula:   whycap uninstall
    EOS
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/whycap --version")
    # The status line prints a line, whatever its input.
    assert_match(/\S/, pipe_output("#{bin}/whycap statusline", "{}"))
  end
end
