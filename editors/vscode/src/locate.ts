// Where the server's program is. Knows nothing of VS Code.

import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

/** Where a program was looked for, and how it was found. */
export type Found =
  | { readonly path: string; readonly from: 'setting' | 'extension' | 'PATH' }
  | { readonly path: undefined; readonly why: string };

const NAME = process.platform === 'win32' ? 'airlock.exe' : 'airlock';

/**
 * The program: the one that the setting names, else the one that the extension carries, else the first on `PATH`. A setting
 * that names none is told and never passed over.
 */
export async function locate(setting: string, extension: string, path: string | undefined): Promise<Found> {
  if (setting !== '') {
    if (!isAbsolute(setting)) {
      return { path: undefined, why: `the setting airlock.server.path has to be a whole path, and is ${setting}` };
    }
    if (await isProgram(setting)) {
      return { path: setting, from: 'setting' };
    }
    return { path: undefined, why: `the setting airlock.server.path names ${setting}, which is no program` };
  }
  const carried = join(extension, 'server', NAME);
  if (await isProgram(carried)) {
    return { path: carried, from: 'extension' };
  }
  // A relative folder on PATH would be one of the workspace.
  for (const folder of (path ?? '').split(delimiter).filter(isAbsolute)) {
    const program = join(folder, NAME);
    if (await isProgram(program)) {
      return { path: program, from: 'PATH' };
    }
  }
  return { path: undefined, why: 'the program airlock is not on PATH' };
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** What a call of the program printed; an error where it failed or took longer than ten seconds. */
export function ask(program: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: environment, timeout: 10_000, maxBuffer: 1 << 20 };
    execFile(program, [...args], options, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
  });
}

/** What `airlock guest list --json` says of one that is not ready: how much is to be fetched. */
export function missingGuest(document: string): { bytes: number } | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(document);
  } catch {
    return undefined;
  }
  const guests = isRecord(parsed) && Array.isArray(parsed['guests']) ? parsed['guests'] : [];
  const python: unknown = guests.find((guest) => isRecord(guest) && guest['name'] === 'python');
  if (!isRecord(python) || python['state'] === 'installed') {
    return undefined;
  }
  const bytes = python['download_bytes'];
  return { bytes: typeof bytes === 'number' ? bytes : 0 };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
