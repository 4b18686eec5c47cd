/**
 * What the user types for `bee`: `npx bee` where npm runs it so, in a checkout whose commands are not on the PATH.
 * `npm_command` is npm's own word for how (docs.npmjs.com, "scripts", Environment).
 */
export function commandName(env: NodeJS.ProcessEnv): 'bee' | 'npx bee' {
  return env.npm_command === 'exec' ? 'npx bee' : 'bee';
}
