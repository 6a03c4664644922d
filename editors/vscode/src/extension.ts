// Airlock in VS Code: it launches the server, hands on settings, and shows proposals in VS Code's own diff view.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import { Findings } from './findings';
import { offerToAgents } from './mcp';
import { Proposals } from './proposals';
import { COMMANDS, Server, words } from './server';

export function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel('Airlock', { log: true });
  const findings = new Findings();
  const proposals = new Proposals(findings);
  const server = new Server(context, log, findings, proposals);
  const waits = vscode.window.createStatusBarItem('airlock.change', vscode.StatusBarAlignment.Left);
  waits.name = 'Airlock: a change waits';
  waits.command = 'airlock.ui.openReview';
  context.subscriptions.push(log, findings, proposals, server, waits);

  const show = async () => {
    await proposals.closeOthers().catch((error: unknown) => log.warn(`a view could not be closed: ${words(error)}`));
    const count = new Set([...findings.waiting(), ...proposals.shown()]).size;
    waits.text = count === 1 ? '$(git-pull-request) a change waits' : `$(git-pull-request) ${count} changes wait`;
    waits.tooltip = 'Airlock: review the change';
    if (count > 0) {
      waits.show();
    } else {
      waits.hide();
    }
  };
  context.subscriptions.push(
    findings.onChange(() => void show()),
    proposals.onAnswer(() => void show()),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void server.restart()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('airlock.server')) {
        void server.restart();
      } else if (event.affectsConfiguration('airlock')) {
        server.tellSettings().catch((error: unknown) => log.warn(`the server did not take the settings: ${words(error)}`));
      }
    }),
    ...commands(server, findings, proposals, log),
    ...offerToAgents(context, log),
  );
  return server.restart();
}

function commands(
  server: Server,
  findings: Findings,
  proposals: Proposals,
  log: vscode.LogOutputChannel,
): vscode.Disposable[] {
  const register = (name: string, run: (argument: unknown) => unknown) =>
    vscode.commands.registerCommand(`airlock.ui.${name}`, run);
  const ask = async (command: string, ...args: unknown[]) => {
    if (server.isRunning) {
      return vscode.commands.executeCommand(command, ...args);
    }
    if (vscode.workspace.isTrusted) {
      void vscode.window.showWarningMessage('Airlock: the server does not run; the log says why.', 'Show the Log').then(
        (picked) => picked !== undefined && log.show(),
      );
    } else {
      const trust = 'Manage Trust';
      const picked = await vscode.window.showWarningMessage('Airlock: trust this folder first; its tests are run.', trust);
      if (picked === trust) {
        await vscode.commands.executeCommand('workbench.trust.manage');
      }
    }
    return undefined;
  };
  /** The session that is meant: of the view in which it was asked for, else of the ones that wait. */
  const session = async (argument: unknown): Promise<string | undefined> => {
    const here = argument instanceof vscode.Uri ? argument : activeUri();
    const waiting = [...new Set([...findings.waiting(), ...proposals.shown()])];
    const named = Proposals.session(here);
    if (named !== undefined || waiting.length < 2) {
      return named ?? waiting[0];
    }
    return vscode.window.showQuickPick(waiting, { title: 'Airlock: which change?' });
  };
  const ofSession = (name: string, command: string) =>
    register(name, async (argument) => {
      const named = await session(argument);
      // None is named where the server may know of one that shows nowhere.
      return ask(command, ...(named === undefined ? [] : [named]));
    });
  const ofWords = (name: string, title: string, prompt: string) =>
    register(name, async () => {
      const said = await vscode.window.showInputBox({ title, prompt });
      return said === undefined || said.trim() === '' ? undefined : ask(`airlock.${name}`, said);
    });
  const special = new Set(['makeTestPass', 'openReview', 'accept', 'reject', 'approve', 'task', 'steer']);
  return [
    ...COMMANDS.filter((name) => !special.has(name)).map((name) => register(name, () => ask(`airlock.${name}`))),
    register('makeTestPass', async () => {
      const failing = findings.failing();
      if (failing.length < 2) {
        return ask('airlock.makeTestPass', ...failing.flatMap(({ id, root }) => [id, root]));
      }
      const items = failing.map(({ id, root, uri, line }) => ({ label: id, description: `${basename(uri.path)}:${line + 1}`, root }));
      const picked = await vscode.window.showQuickPick(items, { title: 'Airlock: which test?' });
      return picked === undefined ? undefined : ask('airlock.makeTestPass', picked.label, picked.root);
    }),
    ofSession('openReview', 'airlock.openReview'),
    ofSession('accept', 'airlock.accept'),
    ofSession('approve', 'airlock.approve'),
    ofWords('task', 'Airlock: a task for the model', 'What it is to do; @FILE for a file of the project that says it.'),
    ofWords('steer', 'Airlock: to the task under way', 'What the model is told at its next turn.'),
    register('reject', async (argument) => {
      const named = await session(argument);
      const reason = await vscode.window.showInputBox({
        title: 'Airlock: reject the change',
        prompt: 'Why, for the session\'s record; it may be left empty.',
      });
      return reason === undefined ? undefined : ask('airlock.reject', named ?? null, reason);
    }),
    register('showReport', async (argument) => {
      const named = await session(argument);
      if (named === undefined || !(await proposals.showReport(named))) {
        void vscode.window.showWarningMessage('Airlock: no report was opened yet; review the change first.');
      }
    }),
    register('restart', () => server.restart()),
    register('showLog', () => log.show()),
  ];
}

/** What the active tab shows; of a diff its right side. */
function activeUri(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  if (input instanceof vscode.TabInputTextDiff) {
    return input.modified;
  }
  return input instanceof vscode.TabInputText ? input.uri : undefined;
}
