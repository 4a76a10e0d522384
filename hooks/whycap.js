// Answers /whycap as a command of Claude Code's own kind, where it takes such modules (2.1.308 and
// later; older ones ignore "modules" in hooks.json).
//
// For Claude Code a command file is a prompt, and a prompt ends its waiting for a limit's reset even
// if a hook holds it back. A registered command does not.

const COMMANDS = ['whycap', 'whycap:explain']

const NO_ANSWER = {
  text: 'whycap did not answer; run `whycap explain` in a shell, and `whycap doctor` to see why.',
  isTextDisplayOnly: true,
}

// What the user may have as commands/whycap.md outranks what is registered here, and is a prompt.
async function isPrompt($, name) {
  const commands = await $.command.list()
  return name.includes(':') || commands.some(one => one.name === name && one.source === 'user')
}

async function answer($, e) {
  const variables = await $.process.hookEnv()
  const { transcriptPath } = await $.session.info()
  const event = {
    hook_event_name: 'command.run',
    session_id: variables.CLAUDE_CODE_SESSION_ID,
    transcript_path: transcriptPath,
    prompt: `/${e.command} ${e.args}`,
    is_prompt: await isPrompt($, e.command),
  }
  const launcher = `${variables.CLAUDE_PLUGIN_ROOT}/hooks/whycap-hook`
  // By its whole path: PATH may be a project's. Windows knows the shell by its name alone.
  const run = shell => $.process.run([shell, launcher, 'command.run'], {
    env: { ...variables, COLUMNS: String(e.presentation.columns) },
    stdin: JSON.stringify(event),
    timeoutMs: 5000,
  })
  const ran = await run('/bin/sh').catch(() => run('sh'))
  // Nothing is printed where the program is missing, or older than this file.
  return ran.stdout ? JSON.parse(ran.stdout) : NO_ANSWER
}

export const register = on => {
  on('session.start', async ($, e, next) => {
    try {
      await $.command.register({
        name: 'whycap',
        description: 'Say what stopped Claude Code, and whether waiting or paying helps',
        argumentHint: '[explain|spend|now|locks|doctor|line on]',
      })
    } catch {
      // Without it there is still /whycap:explain, and no session may fail to start for this.
    }
    return next(e)
  })

  // The plugin's command file as well, which older ones need: beside a module like this one, Claude Code puts a prompt that
  // a hook held back into the line again, and it would have to be cleared by hand.
  for (const command of COMMANDS) {
    // A hook that fails would hand a command file to the model.
    on('command.run', { command }, ($, e) => answer($, e).catch(() => NO_ANSWER))
  }
}
