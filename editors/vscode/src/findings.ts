// What the server shows in the files, by what it is of: tests that fail, and changes that wait for their reader.

import * as vscode from 'vscode';

/** A test that failed. */
export interface Failing {
  readonly id: string;
  /** The project's folder, to which the id is relative. */
  readonly root: string;
  readonly uri: vscode.Uri;
  readonly line: number;
}

export class Findings implements vscode.Disposable {
  private readonly byFile = new Map<string, { uri: vscode.Uri; found: readonly vscode.Diagnostic[] }>();
  private readonly changed = new vscode.EventEmitter<void>();
  /** What is shown has changed. */
  readonly onChange = this.changed.event;

  set(uri: vscode.Uri, found: readonly vscode.Diagnostic[]): void {
    if (found.length === 0) {
      this.byFile.delete(uri.toString());
    } else {
      this.byFile.set(uri.toString(), { uri, found });
    }
    this.changed.fire();
  }

  /** The server has gone. */
  clear(): void {
    this.byFile.clear();
    this.changed.fire();
  }

  failing(): Failing[] {
    return this.all('test_failed').flatMap(({ uri, found }) => {
      const id = word(found, 'test');
      return id === undefined ? [] : [{ id, root: word(found, 'root') ?? '', uri, line: found.range.start.line }];
    });
  }

  /** Sessions whose change shows in a file, which is where the file is the one that was checked. */
  waiting(): string[] {
    return [...new Set(this.all('proposal').flatMap(({ found }) => word(found, 'session') ?? []))].sort();
  }

  /** Files in which a session's change shows. */
  filesOf(session: string): vscode.Uri[] {
    const uris = this.all('proposal').filter(({ found }) => word(found, 'session') === session).map(({ uri }) => uri);
    return [...new Map(uris.map((uri) => [uri.toString(), uri])).values()];
  }

  private all(code: string): { uri: vscode.Uri; found: vscode.Diagnostic }[] {
    return [...this.byFile.values()].flatMap(({ uri, found }) =>
      found.filter((one) => one.code === code).map((one) => ({ uri, found: one })),
    );
  }

  dispose(): void {
    this.changed.dispose();
  }
}

/** What the server puts beside a finding, and the client keeps: of which test or session it is. */
function word(found: vscode.Diagnostic, name: string): string | undefined {
  const data: unknown = 'data' in found ? found.data : undefined;
  const value: unknown = typeof data === 'object' && data !== null && name in data ? Reflect.get(data, name) : undefined;
  return typeof value === 'string' ? value : undefined;
}
