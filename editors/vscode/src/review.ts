// The review document that the server writes: a report, and below it the diff. Knows nothing of VS Code.

import { type FilePatch, parsePatch } from './patch';

/** Longest document taken; the server's own are far below. */
const MOST_CHARACTERS = 32 << 20;

export interface Review {
  readonly session: string;
  /** `verified`, or what else the tests said; none where the report does not say. */
  readonly verdict: string | undefined;
  readonly files: readonly FilePatch[];
}

/** The session whose review a path is; none where it is another file. */
export function sessionOfReview(path: string): string | undefined {
  return /[/\\]airlock[/\\]reviews[/\\]([\w-]+)\.diff$/.exec(path)?.[1];
}

/** Reads a review; what is no such document has no files. */
export function parseReview(session: string, text: string): Review {
  if (text.length > MOST_CHARACTERS) {
    return { session, verdict: undefined, files: [] };
  }
  const verdict = /^verdict {2}(.+)$/m.exec(text)?.[1]?.trim();
  return { session, verdict, files: parsePatch(text) };
}
