// What the server shows in the files, by what it is of: tests that fail, and changes that wait for their reader.

import * as vscode from 'vscode';

/** A test that failed. */
export interface Failing {
  readonly id: string;
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
    return this.of('test_failed').map(({ of, uri, found }) => ({ id: of, uri, line: found.range.start.line }));
  }

  /** Sessions whose change waits. */
  waiting(): string[] {
    return [...new Set(this.of('proposal').map(({ of }) => of))].sort();
  }

  /** Files that a session's change is of. */
  filesOf(session: string): vscode.Uri[] {
    const uris = this.of('proposal').filter(({ of }) => of === session).map(({ uri }) => uri);
    return [...new Map(uris.map((uri) => [uri.toString(), uri])).values()];
  }

  private of(code: string): { of: string; uri: vscode.Uri; found: vscode.Diagnostic }[] {
    return [...this.byFile.values()].flatMap(({ uri, found }) =>
      found
        .filter((one) => one.code === code)
        .flatMap((one) => {
          const of = subject(one);
          return of === undefined ? [] : [{ of, uri, found: one }];
        }),
    );
  }

  dispose(): void {
    this.changed.dispose();
  }
}

/** The test or session that a finding is of, which the server puts beside it and the client keeps. */
function subject(found: vscode.Diagnostic): string | undefined {
  const data: unknown = 'data' in found ? found.data : undefined;
  const of: unknown = typeof data === 'object' && data !== null && 'of' in data ? data.of : undefined;
  return typeof of === 'string' ? of : undefined;
}
