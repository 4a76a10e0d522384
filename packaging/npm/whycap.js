#!/usr/bin/env node
// Runs the program that npm has installed for this system. Claude Code does not use this script: `whycap install`
// writes the path of the program itself to the settings, so that status-line calls do not start Node.js.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");

const system = `${process.platform}-${process.arch}`;
// Windows on ARM runs programs for x64.
const installed = system === "win32-arm64" ? "win32-x64" : system;
const name = process.platform === "win32" ? "whycap.exe" : "whycap";

function complain(text) {
  process.stderr.write(`whycap: ${text}\n`);
  process.exitCode = 1;
}

let program;
try {
  program = require.resolve(`@whycap/${installed}/${name}`);
} catch {
  complain(
    `npm has installed no program for ${system}. If npm leaves optional packages out, install whycap again with ` +
      "--include=optional. Otherwise, build it from source: https://github.com/whycap/whycap",
  );
}

if (program) {
  const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
  // Ctrl-C reaches both processes. The program first restores the terminal and then ends.
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
