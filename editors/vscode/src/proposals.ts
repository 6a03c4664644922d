// A proposal in VS Code's own diff view: the file as it is, and beside it the same file with the change.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { Findings } from './findings';
import { applyHunks, type FilePatch, type Hunk, PatchError } from './patch';
import { parseReview, sessionOfReview } from './review';

export const SCHEME = 'airlock-proposal';
/** Most files that are opened side by side; the report has all of them. */
const MOST_VIEWS = 12;
/** How long the files of a change may take to be told. */
const PATIENCE = 3000;

/** How far above a folder of the workspace its repository may begin. */
const MOST_ABOVE = 8;

interface View {
  readonly session: string;
  readonly document: vscode.TextDocument;
  readonly hunks: readonly Hunk[];
  /** What the change was put on, and what came of it. */
  base: string;
  text: string;
  /** Whether it was said that the file is no longer what was checked. */
  told: boolean;
}

export class Proposals implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly views = new Map<string, View>();
  private readonly reports = new Map<string, vscode.Uri>();
  /** Sessions that were accepted or rejected. */
  private readonly answered = new Set<string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  private readonly answers = new vscode.EventEmitter<void>();
  /** A change was accepted or rejected. */
  readonly onAnswer = this.answers.event;
  private readonly disposables: vscode.Disposable[];
  private closing: Promise<void> = Promise.resolve();

  constructor(private readonly findings: Findings) {
    this.disposables = [
      this.changed,
      this.answers,
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.follow(document)),
    ];
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.views.get(uri.toString())?.text ?? '';
  }

  /** The session of a view, or of a report. */
  static session(uri: vscode.Uri | undefined): string | undefined {
    if (uri?.scheme === SCHEME) {
      return uri.query;
    }
    return uri === undefined ? undefined : sessionOfReview(uri.fsPath);
  }

  /** Sessions that are shown. */
  shown(): string[] {
    return [...new Set([...this.views.values()].map(({ session }) => session))].sort();
  }

  /** A session was accepted or rejected: its views may go. */
  answer(session: string): void {
    this.answered.add(session);
    this.answers.fire();
  }

  /** Shows a review side by side. None is shown, and why is said, where a file is not the one that was checked. */
  async show(report: vscode.Uri, session: string): Promise<boolean> {
    const text = Buffer.from(await vscode.workspace.fs.readFile(report)).toString('utf8');
    const review = parseReview(session, text);
    this.reports.set(session, report);
    this.answered.delete(session);
    try {
      const views = await this.prepare(session, review.files);
      // The first one last, so that it is the one to be seen.
      for (const [uri, view] of views.reverse()) {
        this.views.set(uri.toString(), view);
        this.changed.fire(uri);
        const verdict = review.verdict === undefined ? '' : `, ${review.verdict}`;
        const title = `${basename(view.document.uri.path)}: change by Airlock${verdict}`;
        await vscode.commands.executeCommand('vscode.diff', view.document.uri, uri, title, { preview: false });
      }
      return views.length > 0;
    } catch (error) {
      if (!(error instanceof PatchError)) {
        throw error;
      }
      const why = `${error.message}; the report is shown instead. To accept it merges it and runs the tests again.`;
      void vscode.window.showWarningMessage(`Airlock: the change cannot be shown side by side: ${why}`);
      return false;
    }
  }

  /** Shows the report of a session as text. */
  async showReport(session: string): Promise<boolean> {
    const report = this.reports.get(session);
    if (report !== undefined) {
      await vscode.window.showTextDocument(report, { preview: false });
    }
    return report !== undefined;
  }

  private async prepare(session: string, files: readonly FilePatch[]): Promise<[vscode.Uri, View][]> {
    const views: [vscode.Uri, View][] = [];
    for (const patch of files.slice(0, MOST_VIEWS)) {
      const path = patch.before ?? patch.after;
      if (path === undefined || patch.before === undefined || patch.hunks.length === 0) {
        throw new PatchError(`${path ?? 'a file'} is made or deleted by it`);
      }
      const file = await this.fileOf(session, path);
      if (file === undefined) {
        throw new PatchError(`${path} is not in this workspace`);
      }
      const document = await vscode.workspace.openTextDocument(file);
      const base = document.getText();
      const view = { session, document, hunks: patch.hunks, base, text: applyHunks(base, patch.hunks), told: false };
      views.push([file.with({ scheme: SCHEME, query: session }), view]);
    }
    return views;
  }

  /**
   * A name in the diff is relative to the repository. Where that is, the hints on the changed lines know; there are none where
   * the file is no longer the one that was checked, and then it is looked for around the folders of the workspace.
   */
  private async fileOf(session: string, path: string): Promise<vscode.Uri | undefined> {
    const find = () => this.findings.filesOf(session).find((uri) => uri.path.endsWith(`/${path}`));
    return find() ?? (await this.later(find)) ?? (await around(path));
  }

  /** The hints come in a message of their own, which may be the next one. */
  private later<T>(find: () => T | undefined): Promise<T | undefined> {
    return new Promise((resolve) => {
      const done = (found: T | undefined) => {
        clearTimeout(timer);
        listener.dispose();
        resolve(found);
      };
      const timer = setTimeout(() => done(undefined), PATIENCE);
      const listener = this.findings.onChange(() => {
        const found = find();
        if (found !== undefined) {
          done(found);
        }
      });
    });
  }

  /** A file that is under review changes: by its user, or as the change lands. */
  private follow(document: vscode.TextDocument): void {
    for (const [key, view] of this.views) {
      const now = document.getText();
      if (view.document !== document || now === view.text || now === view.base) {
        continue;
      }
      try {
        view.text = applyHunks(now, view.hunks);
        view.base = now;
        this.changed.fire(vscode.Uri.parse(key));
      } catch {
        if (!view.told && !this.answered.has(view.session)) {
          view.told = true;
          const name = basename(document.uri.path);
          const text = `Airlock: ${name} is no longer the text that was checked, so the right side is of before. `
            + 'To accept merges the change with what you typed, and runs the tests again.';
          void vscode.window.showInformationMessage(text);
        }
      }
    }
  }

  /** Closes the views of changes that no longer wait, one call after the other. */
  closeOthers(): Promise<void> {
    const now = this.closing.then(() => this.close());
    this.closing = now.catch(() => {});
    return now;
  }

  /**
   * Whether a change is over. Its hints are gone then; they are as well while its file is not the text that was checked, so the
   * file tells which, or that the change was answered.
   */
  private isOver(view: View, waiting: readonly string[]): boolean {
    const now = view.document.getText();
    const isKnown = now === view.base || now === view.text || this.answered.has(view.session);
    return !waiting.includes(view.session) && (isKnown || view.document.isClosed);
  }

  private async close(): Promise<void> {
    const waiting = this.findings.waiting();
    for (const [key, view] of this.views) {
      if (this.isOver(view, waiting)) {
        this.views.delete(key);
      }
    }
    for (const tab of vscode.window.tabGroups.all.flatMap((group) => group.tabs)) {
      const input = tab.input;
      if (!(input instanceof vscode.TabInputTextDiff) || input.modified.scheme !== SCHEME) {
        continue;
      }
      if (this.views.has(input.modified.toString())) {
        continue;
      }
      if (tab.isDirty) {
        // What has landed is not saved yet. In a tab of its own it stays to be seen, and closing the view asks nothing.
        const viewColumn = tab.group.viewColumn;
        await vscode.window.showTextDocument(input.original, { preview: false, preserveFocus: !tab.isActive, viewColumn });
      }
      await vscode.window.tabGroups.close(tab, true);
    }
  }

  dispose(): void {
    this.disposables.forEach((one) => one.dispose());
  }
}

/** A file by its name in a repository that a folder of the workspace is, or lies in. */
async function around(path: string): Promise<vscode.Uri | undefined> {
  for (const { uri } of vscode.workspace.workspaceFolders ?? []) {
    let folder = uri;
    for (let above = 0; above <= MOST_ABOVE; above += 1) {
      const file = vscode.Uri.joinPath(folder, path);
      const is = await vscode.workspace.fs.stat(file).then(({ type }) => type === vscode.FileType.File, () => false);
      if (is) {
        return file;
      }
      folder = vscode.Uri.joinPath(folder, '..');
    }
  }
  return undefined;
}
