// The server's life: found, started where the folder is trusted, restarted, ended.

import * as vscode from 'vscode';
import {
  DidChangeConfigurationNotification,
  LanguageClient,
  type LanguageClientOptions,
  RevealOutputChannelOn,
  State,
} from 'vscode-languageclient/node';
import type { Findings } from './findings';
import { ask, locate, missingGuest } from './locate';
import type { Proposals } from './proposals';
import { sessionOfReview } from './review';
import { SECTION, settings } from './settings';

export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  /** Starts and stops one after the other: two clients would register the same commands. */
  private queue: Promise<void> = Promise.resolve();
  private offered = false;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
    private readonly findings: Findings,
    private readonly proposals: Proposals,
  ) {}

  get isRunning(): boolean {
    return this.client?.state === State.Running;
  }

  /** Starts it, in the place of one that runs. */
  restart(): Promise<void> {
    this.queue = this.queue.then(async () => {
      await this.end();
      await this.begin();
    });
    return this.queue;
  }

  /** Settings have changed: it asks for them. */
  async tellSettings(): Promise<void> {
    if (this.isRunning) {
      await this.client?.sendNotification(DidChangeConfigurationNotification.type, { settings: null });
    }
  }

  private async end(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.findings.clear();
    await publish([]);
    if (client !== undefined) {
      // One that did not start, or that does not answer, is let go.
      await client.dispose().catch((error: unknown) => this.log.warn(`the server did not end well: ${words(error)}`));
    }
  }

  private async begin(): Promise<void> {
    if (!vscode.workspace.isTrusted) {
      this.log.info('the folder is not trusted: the server starts once it is');
      return;
    }
    const own = vscode.workspace.getConfiguration(SECTION);
    const found = await locate(own.get('server.path', ''), this.context.extensionPath, process.env['PATH']);
    if (found.path === undefined) {
      void this.tellMissing(found.why);
      return;
    }
    const environment = { ...process.env, ...own.get<Record<string, string>>('server.environment', {}) };
    const args = own.get<string[]>('server.arguments', ['lsp']);
    this.log.info(`the server is ${found.path}, by ${found.from}`);
    try {
      const version = await ask(found.path, ['--version'], environment);
      if (!version.startsWith('airlock ')) {
        throw new Error(`it says ${JSON.stringify(version.slice(0, 80))} to --version`);
      }
      this.log.info(version.trim());
    } catch (error) {
      void this.tellMissing(`${found.path} is not Airlock, or does not run here: ${words(error)}`);
      return;
    }
    const run = { command: found.path, args, options: { env: environment } };
    const client = new LanguageClient('airlock', 'Airlock', run, this.options());
    client.onDidChangeState(({ newState }) => {
      if (newState === State.Running) {
        void publish(client.initializeResult?.capabilities.executeCommandProvider?.commands ?? []);
      } else if (newState === State.Stopped) {
        // It ended by itself: what it showed is of no process.
        this.findings.clear();
        void publish([]);
      }
    });
    this.client = client;
    try {
      await client.start();
    } catch (error) {
      this.log.error(`the server did not start: ${words(error)}`);
      return;
    }
    void this.offerGuest(found.path, environment);
  }

  private options(): LanguageClientOptions {
    return {
      documentSelector: [
        { scheme: 'file', language: 'python' },
        { scheme: 'file', language: 'diff', pattern: '**/airlock/reviews/*.diff' },
      ],
      // The others come when the server asks, so that one that is removed is gone without a restart.
      initializationOptions: () => {
        const { checkOnSave, codeLens } = settings();
        return { checkOnSave, codeLens };
      },
      outputChannel: this.log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      middleware: {
        handleDiagnostics: (uri, diagnostics, next) => {
          next(uri, diagnostics);
          this.findings.set(uri, diagnostics);
        },
        // Else a refusal would be a modal window.
        executeCommand: async (command, args, next) => {
          try {
            const result: unknown = await next(command, args);
            const session: unknown = args[0];
            if (['airlock.accept', 'airlock.reject'].includes(command) && typeof session === 'string') {
              this.proposals.answer(session);
            }
            if (typeof result === 'string') {
              vscode.window.setStatusBarMessage(`Airlock: ${result}`, 5000);
            }
            return result;
          } catch (error) {
            void vscode.window.showWarningMessage(`Airlock: ${words(error)}`);
            return undefined;
          }
        },
        workspace: {
          configuration: ({ items }) => items.map(({ section }) => (section === SECTION ? settings() : null)),
        },
        window: {
          showDocument: async (params, token, next) => {
            const uri = vscode.Uri.parse(params.uri, true);
            const session = uri.scheme === 'file' ? sessionOfReview(uri.fsPath) : undefined;
            if (session !== undefined) {
              try {
                if (await this.proposals.show(uri, session)) {
                  return { success: true };
                }
              } catch (error) {
                this.log.error(`the review could not be shown side by side: ${words(error)}`);
              }
            }
            return next(params, token);
          },
        },
      },
    };
  }

  private async tellMissing(why: string): Promise<void> {
    this.log.error(why);
    const [settings, how] = ['Open Settings', 'How to Install'];
    const text = `Airlock cannot start: ${why}. Install it (cargo install --path server/airlock, in a checkout of Airlock), `
      + 'or set airlock.server.path to the program; then run "Airlock: Restart the Server".';
    const picked = await vscode.window.showErrorMessage(text, settings, how);
    if (picked === settings) {
      await vscode.commands.executeCommand('workbench.action.openSettings', 'airlock.server.path');
    } else if (picked === how) {
      await vscode.commands.executeCommand('markdown.showPreview', vscode.Uri.joinPath(this.context.extensionUri, 'README.md'));
    }
  }

  /** The sandbox's Python is fetched once, and only where the user wants it. */
  private async offerGuest(program: string, environment: NodeJS.ProcessEnv): Promise<void> {
    if (this.offered) {
      return;
    }
    const document = await ask(program, ['guest', 'list', '--json'], environment).catch((error: unknown) => {
      this.log.warn(`guests cannot be listed: ${words(error)}`);
      return '';
    });
    const missing = missingGuest(document);
    if (missing === undefined) {
      return;
    }
    this.offered = true;
    const install = 'Install';
    const size = Math.round(missing.bytes / 1e6);
    const text = `Airlock: the sandbox's Python is not installed yet; it is fetched once (${size} MB) from your Python package index.`;
    if ((await vscode.window.showInformationMessage(text, install, 'Not Now')) === install) {
      await vscode.commands.executeCommand('airlock.installGuest');
    }
  }

  dispose(): Promise<void> {
    this.queue = this.queue.then(() => this.end());
    return this.queue;
  }
}

/** What of the server's commands there is, for the palette. */
async function publish(commands: readonly string[]): Promise<void> {
  for (const name of COMMANDS) {
    await vscode.commands.executeCommand('setContext', `airlock.has.${name}`, commands.includes(`airlock.${name}`));
  }
}

/** Commands of the server that the palette has, where the server has them. */
export const COMMANDS = [
  'checkTests',
  'makeTestPass',
  'cancel',
  'openReview',
  'accept',
  'reject',
  'undo',
  'listSessions',
  'resume',
  'task',
  'steer',
  'approve',
  'doctor',
  'installGuest',
] as const;

export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
