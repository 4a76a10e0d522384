// Answers /whycap in Claude Code.
//
// A prompt cancels the auto-resume after a usage limit, even if a hook blocks the prompt. A command that a plugin registers
// is not a prompt.

// `whycap install` writes the path of the program here. The marketplace plugin contains no path, and its launcher
// searches for the program.
const PROGRAM = null

const COMMANDS = ['whycap', 'whycap:explain']

const NO_ANSWER = {
  text: 'whycap did not respond. Run `whycap explain` in a shell instead. To find out why whycap did not respond, run `whycap doctor`.',
  isTextDisplayOnly: true,
}

// Runs whycap with an event on standard input.
async function runProgram($, event, variables, columns) {
  const options = {
    env: { ...variables, COLUMNS: String(columns) },
    stdin: JSON.stringify(event),
    timeoutMs: 5000,
  }
  if (PROGRAM) {
    return $.process.run([PROGRAM, 'hook'], options)
  }
  const launcher = `${variables.CLAUDE_PLUGIN_ROOT}/hooks/whycap-hook`
  const run = shell => $.process.run([shell, launcher, 'command.run'], options)
  // The full path comes first, because a project can set PATH. Windows knows the shell only by its name.
  return run('/bin/sh').catch(() => run('sh'))
}

async function answer($, e) {
  const variables = await $.process.hookEnv()
  const { transcriptPath } = await $.session.info()
  const event = {
    hook_event_name: 'command.run',
    session_id: variables.CLAUDE_CODE_SESSION_ID,
    transcript_path: transcriptPath,
    prompt: `/${e.command} ${e.args}`,
    // The plugin's command file is a prompt.
    is_prompt: e.command.includes(':'),
  }
  const result = await runProgram($, event, variables, e.presentation.columns)
  // The output is empty if the program is missing, or older than this file.
  return result.stdout ? JSON.parse(result.stdout) : NO_ANSWER
}

export const register = on => {
  on('session.start', async ($, e, next) => {
    try {
      await $.command.register({
        name: 'whycap',
        description: 'Explain what stopped Claude Code, and whether waiting or paying helps',
        argumentHint: '[explain|spend|now|locks|doctor|line on]',
      })
    } catch {
      // Another plugin has registered the command, or this version cannot register commands. The session must start in
      // any case.
    }
    return next(e)
  })

  // The plugin's command file is answered here as well. Otherwise Claude Code would put the blocked prompt back into the
  // input line, where the user would have to delete it.
  for (const command of COMMANDS) {
    // After an error, Claude Code would send the command file to the model.
    on('command.run', { command }, ($, e) => answer($, e).catch(() => NO_ANSWER))
  }
}
