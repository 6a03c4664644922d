// What a newcomer meets: a folder that is not trusted yet, a sandbox without its Python, a server that is not where it should be.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { start, until } from './drive.mjs';

const { AIRLOCK_ENVIRONMENT, AIRLOCK_PROGRAM, AIRLOCK_PROJECT, AIRLOCK_RUN } = process.env;
const environment = { ...JSON.parse(AIRLOCK_ENVIRONMENT), XDG_CACHE_HOME: join(AIRLOCK_RUN, 'empty') };
const program = join(AIRLOCK_RUN, 'airlock');
symlinkSync(AIRLOCK_PROGRAM, program);
// A setting that is wrong is told, which shows what of the settings comes to the server: the user's.
const settings = { 'airlock.server.environment': environment, 'airlock.server.path': program, 'airlock.outputKb': 'many' };
mkdirSync(join(AIRLOCK_PROJECT, '.vscode'));
writeFileSync(join(AIRLOCK_PROJECT, '.vscode/settings.json'), '{"airlock.memoryMb": "many", "airlock.read": [3]}');
const bench = await start({ trusted: false, settings });
const { page } = bench;

try {
  await bench.open('tests/test_discounts.py');
  await until('the extension', () => bench.has('Airlock: Restart the Server'));
  await bench.command('Airlock: Restart the Server');
  assert.ok(!(await bench.has('Airlock: Run the Tests')), 'nothing can be run where nothing is trusted');
  assert.deepEqual(bench.servers(), []);

  await bench.command('Workspaces: Manage Workspace Trust');
  const trust = page.locator('.workspace-trust-editor .monaco-button', { hasText: 'Trust' }).first();
  await until('the way to trust', () => trust.isVisible());
  await trust.click();
  await until('the server', async () => bench.servers().length === 1);
  await bench.said('fetched once (101 MB)');
  await bench.said('the setting airlock.outputKb');
  for (const name of ['memoryMb', 'read']) {
    assert.equal(await bench.message(`the setting airlock.${name}`).count(), 0, 'a workspace loosens nothing');
  }

  // There is room for three messages.
  await bench.command('Notifications: Clear All Notifications');
  unlinkSync(program);
  await bench.command('Airlock: Restart the Server');
  await bench.said(`names ${program}, which is no program`);
  assert.deepEqual(bench.servers(), []);
  symlinkSync('/bin/echo', program);
  await bench.command('Airlock: Restart the Server');
  await bench.said(`${program} is not Airlock`);
  assert.deepEqual(bench.servers(), []);
  unlinkSync(program);
  symlinkSync(AIRLOCK_PROGRAM, program);
  await bench.command('Airlock: Restart the Server');
  await until('the server again', async () => bench.servers().length === 1);
  console.log('all of it');
} catch (error) {
  console.log(await bench.failed().catch(String));
  throw error;
} finally {
  await bench.end();
}
