import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { ask, locate, missingGuest } from '../src/locate';

const folder = mkdtempSync(join(tmpdir(), 'airlock-'));
after(() => rmSync(folder, { recursive: true }));

function program(...path: string[]): string {
  const at = join(folder, ...path);
  mkdirSync(join(at, '..'), { recursive: true });
  writeFileSync(at, '#!/bin/sh\necho "airlock 0.1.0"\n');
  chmodSync(at, 0o755);
  return at;
}

test('the setting is first, then what the extension carries, then PATH', async () => {
  const [named, carried, onPath] = [program('mine'), program('extension', 'server', 'airlock'), program('bin', 'airlock')];
  const extension = join(folder, 'extension');
  const path = ['relative', join(folder, 'nowhere'), join(folder, 'bin')].join(delimiter);
  assert.deepEqual(await locate(named, extension, path), { path: named, from: 'setting' });
  assert.deepEqual(await locate('', extension, path), { path: carried, from: 'extension' });
  assert.deepEqual(await locate('', folder, path), { path: onPath, from: 'PATH' });
});

test('what is not there is told, and a wrong setting is not passed over', async () => {
  program('bin', 'airlock');
  const path = join(folder, 'bin');
  const wrong: [string, RegExp][] = [
    [join(folder, 'nowhere'), /names .*nowhere/],
    [folder, /no program/],
    ['airlock', /whole path/],
  ];
  for (const [setting, why] of wrong) {
    const found = await locate(setting, folder, path);
    assert.ok(found.path === undefined && why.test(found.why), setting);
  }
  const plain = join(folder, 'plain', 'airlock');
  mkdirSync(join(folder, 'plain'));
  writeFileSync(plain, 'no program');
  const found = await locate('', folder, join(folder, 'plain'));
  assert.ok(found.path === undefined && /PATH/.test(found.why));
});

test('a program is asked', async () => {
  assert.equal(await ask(program('bin', 'airlock'), ['--version'], process.env), 'airlock 0.1.0\n');
  await assert.rejects(ask(join(folder, 'nowhere'), [], process.env));
});

test('a missing guest is told with its size, and nothing else is', () => {
  const guests = (state: string) => JSON.stringify({ guests: [{ name: 'python', state, download_bytes: 101e6 }] });
  assert.deepEqual(missingGuest(guests('missing')), { bytes: 101e6 });
  assert.deepEqual(missingGuest(guests('damaged')), { bytes: 101e6 });
  for (const other of [guests('installed'), '', '[]', '{"guests": 3}', '{"guests": [null]}', 'not JSON']) {
    assert.equal(missingGuest(other), undefined, other);
  }
});
