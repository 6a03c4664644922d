// What the server is told of VS Code's settings.

import * as vscode from 'vscode';

export const SECTION = 'airlock';

/** Settings of the client's own side of things. */
const OURS = ['server', 'trace'];
/** Those that a workspace may have: they loosen nothing. */
const ANYBODYS = ['checkOnSave', 'codeLens'] as const;

/**
 * The user's settings, those of `airlock.toml` among them, without a workspace's: they stand over the project's own file, which may
 * tighten the sandbox and never loosen it, and a repository must not get around that by a file for its editor.
 */
export function settings(): Record<string, unknown> {
  const user: unknown = vscode.workspace.getConfiguration().inspect(SECTION)?.globalValue;
  const own = typeof user === 'object' && user !== null ? Object.entries(user) : [];
  const effective = vscode.workspace.getConfiguration(SECTION);
  return {
    ...Object.fromEntries(own.filter(([name]) => !OURS.includes(name))),
    ...Object.fromEntries(ANYBODYS.map((name) => [name, effective.get(name, true)])),
  };
}
