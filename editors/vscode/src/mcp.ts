// Gives the agents of VS Code the server `airlock mcp`, where this VS Code has the means: one for each folder, which it cannot
// leave. It starts nothing by itself; VS Code does, when an agent asks.

import * as vscode from 'vscode';
import { locate } from './locate';
import { SECTION } from './settings';

/** As `contributes.mcpServerDefinitionProviders` names it. */
const PROVIDER = 'airlock.mcp';

// What VS Code has from 1.101 on. The extension runs in older ones too, whose types know nothing of it.
interface StdioDefinition {
  cwd?: vscode.Uri;
}
type StdioConstructor = new (
  label: string,
  command: string,
  args?: string[],
  env?: Record<string, string | number | null>,
  version?: string,
) => StdioDefinition;
interface Provider {
  readonly onDidChangeMcpServerDefinitions: vscode.Event<void>;
  provideMcpServerDefinitions(token: vscode.CancellationToken): Promise<StdioDefinition[]>;
}
type Register = (id: string, provider: Provider) => vscode.Disposable;

/** Offers the servers; nothing where VS Code has no such thing. */
export function offerToAgents(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): vscode.Disposable[] {
  const models: unknown = Reflect.get(vscode, 'lm');
  const register: unknown =
    typeof models === 'object' && models !== null ? Reflect.get(models, 'registerMcpServerDefinitionProvider') : undefined;
  const Stdio: unknown = Reflect.get(vscode, 'McpStdioServerDefinition');
  if (!isRegister(register) || !isConstructor(Stdio)) {
    log.info('this VS Code takes no servers for its agents from extensions (1.101 and later do)');
    return [];
  }
  const changed = new vscode.EventEmitter<void>();
  const version: unknown = context.extension.packageJSON.version;
  const provider: Provider = {
    onDidChangeMcpServerDefinitions: changed.event,
    provideMcpServerDefinitions: async () => {
      // It runs the folder's tests.
      if (!vscode.workspace.isTrusted) {
        return [];
      }
      const own = vscode.workspace.getConfiguration(SECTION);
      const found = await locate(own.get('server.path', ''), context.extensionPath, process.env['PATH']);
      if (found.path === undefined) {
        log.warn(`no server for agents: ${found.why}`);
        return [];
      }
      const { path } = found;
      const environment = own.get<Record<string, string>>('server.environment', {});
      const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
      return folders.map(({ name, uri }) => {
        const label = folders.length === 1 ? 'Airlock' : `Airlock: ${name}`;
        const server = new Stdio(label, path, ['mcp', uri.fsPath], environment, typeof version === 'string' ? version : '');
        server.cwd = uri;
        return server;
      });
    },
  };
  const again = () => changed.fire();
  return [
    changed,
    register.call(models, PROVIDER, provider),
    vscode.workspace.onDidGrantWorkspaceTrust(again),
    vscode.workspace.onDidChangeWorkspaceFolders(again),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('airlock.server')) {
        again();
      }
    }),
  ];
}

function isRegister(value: unknown): value is Register {
  return typeof value === 'function';
}

function isConstructor(value: unknown): value is StdioConstructor {
  return typeof value === 'function';
}
