#!/usr/bin/env node
// Creates the npm packages of a release from its archives: make.js [--partial] VERSION ARCHIVES OUT
//
// ARCHIVES contains the files whycap-VERSION-TARGET.tar.gz that ../archive.sh creates. The script creates a directory
// in OUT for each package, in the order in which they must be published: one for each system, with its program;
// `@whycap/plugin` for Claude Code's marketplace; and `whycap`, whose optional dependencies are the system packages. No
// package runs a script when it is installed.
//
// The plugin contains all programs, because Claude Code installs the files of an npm package but not its dependencies.
// With --partial, systems without an archive are left out. A release must have all of them.
"use strict";

const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const { tmpdir } = require("node:os");
const path = require("node:path");

// Windows on ARM runs programs for x64.
const SYSTEMS = [
  { target: "x86_64-unknown-linux-musl", os: "linux", cpu: ["x64"] },
  { target: "aarch64-unknown-linux-musl", os: "linux", cpu: ["arm64"] },
  { target: "x86_64-apple-darwin", os: "darwin", cpu: ["x64"] },
  { target: "aarch64-apple-darwin", os: "darwin", cpu: ["arm64"] },
  { target: "x86_64-pc-windows-msvc", os: "win32", cpu: ["x64", "arm64"] },
];

const here = __dirname;
const root = path.join(here, "..", "..");

function fail(text) {
  process.stderr.write(`make.js: ${text}\n`);
  process.exit(1);
}

const given = process.argv.slice(2);
const partial = given[0] === "--partial";
const [version, archives, out] = partial ? given.slice(1) : given;
if (!out) {
  fail("usage: make.js [--partial] VERSION ARCHIVES OUT");
}

const manifest = fs.readFileSync(path.join(root, "Cargo.toml"), "utf8");
const field = (name) => new RegExp(`^${name} = "(.*)"$`, "m").exec(manifest)[1];
const common = {
  version,
  description: field("description"),
  homepage: field("repository"),
  repository: { type: "git", url: `git+${field("repository")}.git` },
  license: `(${field("license")})`,
};

function write(folder, description, files) {
  fs.mkdirSync(folder, { recursive: true });
  for (const [from, to, mode] of files) {
    fs.mkdirSync(path.dirname(path.join(folder, to)), { recursive: true });
    fs.copyFileSync(from, path.join(folder, to));
    fs.chmodSync(path.join(folder, to), mode);
  }
  fs.writeFileSync(path.join(folder, "package.json"), `${JSON.stringify(description, null, 2)}\n`);
  process.stdout.write(`${folder}\n`);
}

const licences = ["LICENSE-MIT", "LICENSE-APACHE"].map((file) => [path.join(root, file), file, 0o644]);
const made = {};
const plugin = [];
for (const { target, os, cpu } of SYSTEMS) {
  const name = `whycap-${version}-${target}`;
  const archive = path.join(archives, `${name}.tar.gz`);
  if (!fs.existsSync(archive)) {
    if (partial) continue;
    fail(`there is no ${archive}`);
  }
  const program = os === "win32" ? "whycap.exe" : "whycap";
  const unpacked = fs.mkdtempSync(path.join(tmpdir(), "whycap-npm-"));
  execFileSync("tar", ["-xzf", path.resolve(archive), "-C", unpacked, `${name}/${program}`]);
  const system = `${os}-${cpu[0]}`;
  write(
    path.join(out, system),
    { name: `@whycap/${system}`, ...common, os: [os], cpu, files: [program, "LICENSE-*"], preferUnplugged: true, publishConfig: { access: "public" } },
    [[path.join(unpacked, name, program), program, 0o755], ...licences],
  );
  // hooks/whycap-hook and src/install/line.rs use Rust's names of the systems.
  const platform = { linux: "linux", darwin: "macos", win32: "windows" }[os];
  plugin.push([path.join(out, system, program), `programs/${platform}-${target.split("-")[0]}/${program}`, 0o755]);
  fs.rmSync(unpacked, { recursive: true });
  made[`@whycap/${system}`] = version;
}
if (Object.keys(made).length === 0) {
  fail(`no archive of ${version} is in ${archives}`);
}
for (const folder of ["hooks", "commands"]) {
  for (const file of fs.readdirSync(path.join(root, folder))) {
    plugin.push([path.join(root, folder, file), `${folder}/${file}`, file === "whycap-hook" ? 0o755 : 0o644]);
  }
}
for (const file of ["plugin.json", "icon.png"]) {
  plugin.push([path.join(root, ".claude-plugin", file), `.claude-plugin/${file}`, 0o644]);
}
write(
  path.join(out, "plugin"),
  { name: "@whycap/plugin", ...common, files: ["programs", "hooks", "commands", ".claude-plugin", "LICENSE-*"], publishConfig: { access: "public" } },
  [...plugin, ...licences],
);
write(
  path.join(out, "whycap"),
  {
    name: "whycap",
    ...common,
    keywords: ["claude", "claude-code", "statusline", "usage", "limits"],
    bin: { whycap: "whycap.js" },
    files: ["whycap.js", "LICENSE-*"],
    engines: { node: ">=16" },
    optionalDependencies: made,
  },
  [[path.join(here, "whycap.js"), "whycap.js", 0o755], [path.join(root, "README.md"), "README.md", 0o644], ...licences],
);
