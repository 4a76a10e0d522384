#!/usr/bin/env node
// Runs the whycap that npm brought for this system. Claude Code does not come this way: `whycap install`
// writes the path of the program itself into its settings, so a status line starts no Node.js.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");

const system = `${process.platform}-${process.arch}`;
// Windows on ARM runs programs for x64.
const brought = system === "win32-arm64" ? "win32-x64" : system;
const name = process.platform === "win32" ? "whycap.exe" : "whycap";

function complain(text) {
  process.stderr.write(`whycap: ${text}\n`);
  process.exitCode = 1;
}

let program;
try {
  program = require.resolve(`@whycap/${brought}/${name}`);
} catch {
  complain(
    `npm brought no program for ${system}. If it was told to leave optional packages out, install whycap again with ` +
      "--include=optional; else build it from its source: https://github.com/whycap/whycap",
  );
}

if (program) {
  const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
  // Ctrl-C reaches both; the program ends when it has put the terminal right.
  for (const signal of ["SIGINT", "SIGQUIT"]) {
    process.on(signal, () => {});
  }
  for (const signal of ["SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => complain(`${program} does not start: ${error.message}`));
  child.on("exit", (code, signal) => {
    process.exitCode = signal ? 128 + constants.signals[signal] : code;
  });
}
