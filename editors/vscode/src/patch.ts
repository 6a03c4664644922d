// The unified diff of a proposal, as git writes it: read, and put on a text. Knows nothing of VS Code.

/** One file's part of a diff. */
export interface FilePatch {
  /** Relative to the repository; none where the file is made by the change. */
  readonly before: string | undefined;
  /** None where the file is deleted by the change. */
  readonly after: string | undefined;
  readonly hunks: readonly Hunk[];
}

/** A run of lines and what comes in its place; each line with its ending, which the last line of a file may lack. */
export interface Hunk {
  /** First line of the old text, from 0. */
  readonly start: number;
  readonly old: readonly string[];
  readonly new: readonly string[];
}

/** A diff that is none, or that does not fit a text. */
export class PatchError extends Error {}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;
const FILE = 'diff --git ';

/** Lines with their endings. */
export function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Reads what begins with the first line `diff --git`; what stands before it is none of the diff's. */
export function parsePatch(text: string): FilePatch[] {
  const lines = splitLines(text);
  const files: FilePatch[] = [];
  let at = lines.findIndex((line) => line.startsWith(FILE));
  while (at >= 0 && at < lines.length) {
    const [file, next] = parseFile(lines, at);
    files.push(file);
    at = next;
  }
  return files;
}

function parseFile(lines: readonly string[], from: number): [FilePatch, number] {
  let at = from + 1;
  let before: string | undefined;
  let after: string | undefined;
  let names = 0;
  const hunks: Hunk[] = [];
  for (let line = lines[at]; line !== undefined && !line.startsWith(FILE); line = lines[at]) {
    if (line.startsWith('--- ')) {
      before = name(line);
      names += 1;
      at += 1;
    } else if (line.startsWith('+++ ')) {
      after = name(line);
      names += 1;
      at += 1;
    } else if (line.startsWith('@@ ')) {
      if (names !== 2) {
        throw new PatchError(`line ${at + 1} of the diff: a hunk before the names of its file`);
      }
      const [hunk, next] = parseHunk(lines, at);
      hunks.push(hunk);
      at = next;
    } else {
      // Modes, of which a view of texts shows nothing.
      at += 1;
    }
  }
  return [{ before, after, hunks }, at];
}

function parseHunk(lines: readonly string[], from: number): [Hunk, number] {
  const header = HUNK.exec(lines[from] ?? '');
  if (header === null) {
    throw new PatchError(`line ${from + 1} of the diff: not the header of a hunk`);
  }
  const oldCount = Number(header[2] ?? 1);
  const newCount = Number(header[4] ?? 1);
  const sides: { old: string[]; new: string[] } = { old: [], new: [] };
  let at = from + 1;
  while (sides.old.length < oldCount || sides.new.length < newCount) {
    const line = lines[at];
    const text = line?.slice(1);
    if (line === undefined || text === undefined || !' -+'.includes(line[0] ?? '?')) {
      throw new PatchError(`line ${at + 1} of the diff: the hunk ends too early`);
    }
    at += 1;
    // Below a line that has no ending stands that it has none.
    const bare = lines[at]?.startsWith('\\') === true;
    const whole = bare ? text.replace(/\n$/, '') : text;
    if (line[0] !== '+') {
      sides.old.push(whole);
    }
    if (line[0] !== '-') {
      sides.new.push(whole);
    }
    if (bare) {
      at += 1;
    }
  }
  if (sides.old.length !== oldCount || sides.new.length !== newCount) {
    throw new PatchError(`line ${from + 1} of the diff: the hunk has not as many lines as it says`);
  }
  // An empty range names the line before it.
  const start = oldCount === 0 ? Number(header[1]) : Number(header[1]) - 1;
  return [{ start, old: sides.old, new: sides.new }, at];
}

/** The name of a `---` or `+++` line without git's `a/` or `b/`; none for `/dev/null`. */
function name(line: string): string | undefined {
  let text = line.slice(4).replace(/\r?\n$/, '');
  text = text.startsWith('"') ? unquoted(text) : text.replace(/\t$/, '');
  return text === '/dev/null' ? undefined : text.replace(/^[ab]\//, '');
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, '\\': 92 };

/** A name as git quotes it: C's escapes, with bytes in octal. */
function unquoted(text: string): string {
  const bytes: number[] = [];
  const part = /\\([0-7]{3})|\\(.)|([^\\"]+)/gsu;
  for (const [, octal, letter, plain] of text.matchAll(part)) {
    if (octal !== undefined) {
      bytes.push(Number.parseInt(octal, 8));
    } else if (letter !== undefined) {
      bytes.push(ESCAPES[letter] ?? letter.charCodeAt(0));
    } else {
      bytes.push(...Buffer.from(plain ?? ''));
    }
  }
  return Buffer.from(bytes).toString();
}

const BOM = '\ufeff';

/**
 * The text with the hunks put on it, each exactly where it says.
 *
 * @throws PatchError where the text is not the one that the diff was made for.
 */
export function applyHunks(text: string, hunks: readonly Hunk[]): string {
  // Editors take the mark away, files have it.
  const plain = (line: string, first: boolean) => (first && line.startsWith(BOM) ? line.slice(1) : line);
  const lines = splitLines(text);
  const out: string[] = [];
  let at = 0;
  for (const hunk of hunks) {
    const end = hunk.start + hunk.old.length;
    if (hunk.start < at || end > lines.length) {
      throw new PatchError(`the text has ${lines.length} lines, the change is of lines ${hunk.start + 1} to ${end}`);
    }
    hunk.old.forEach((line, index) => {
      const first = hunk.start + index === 0;
      if (plain(line, first) !== plain(lines[hunk.start + index] ?? '', first)) {
        throw new PatchError(`line ${hunk.start + index + 1} is not the one that was checked`);
      }
    });
    out.push(...lines.slice(at, hunk.start), ...hunk.new.map((line, index) => plain(line, hunk.start + index === 0)));
    at = end;
  }
  return [...out, ...lines.slice(at)].join('');
}
