// The main job in VS Code, as its user does it: run the tests, pick the fix on the failing one, review it side by side, accept.
// Then a second one that is rejected, with the server restarted in between.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { start, until } from './drive.mjs';

const bench = await start();
const { page } = bench;
const module = join(process.env.AIRLOCK_PROJECT, 'src/shop/discounts.py');
const before = readFileSync(module, 'utf8');
const shows = (text) => page.locator('.monaco-editor .view-line', { hasText: text });
const diff = page.locator('.monaco-diff-editor');
const button = (label) => page.locator(`.editor-actions a.action-label[aria-label*="${label}"]`).first();
const failing = () => page.locator('.squiggly-error').count();

async function repair() {
  await bench.open('test_discounts.py');
  await bench.command('Airlock: Run the Tests');
  await until('the failing test', failing);
  const action = page.locator('.action-widget .monaco-list-row', { hasText: 'Airlock: make this test pass' });
  await until('the action', () => action.isVisible(), async () => {
    await shows('quantity_discount(10)').first().click();
    await page.keyboard.press('Control+.');
    await action.waitFor({ timeout: 2000 }).catch(() => {});
  });
  await bench.picture('fix');
  await action.click();
}

try {
  await bench.open('test_discounts.py');
  await bench.command('View: Toggle Primary Side Bar Visibility');
  await repair();

  // Its progress has a button to cancel; this one is let go on.
  const progress = page.locator('[id="status.progress"]');
  await until('the progress', () => progress.isVisible());
  await progress.click();
  const cancel = page.locator('.notifications-center .monaco-button', { hasText: 'Cancel' });
  await until('the way to cancel', () => cancel.isVisible());
  await bench.picture('progress');
  await until('the review', () => diff.isVisible());
  const center = page.locator('.notifications-center.visible');
  await until('room for a picture', async () => !(await center.isVisible()), () => page.keyboard.press('Escape'));
  await until('the change', () => shows('if pieces >= threshold:').count());
  assert.ok(await shows('if pieces > threshold:').count(), 'the file is beside it');
  await bench.picture('review');

  await button('Show the Report').click();
  await until('the report', () => shows('diff --git').count());
  await bench.open('tests/test_discounts.py');
  await page.locator('.tab', { hasText: 'change by Airlock' }).click();
  await until('the review again', () => diff.isVisible());
  await button('Accept the Change').click();
  await until('the end of the review', async () => !(await diff.isVisible()));
  await bench.open('src/shop/discounts.py');
  await until('the text', () => shows('if pieces >= threshold:').count());
  await bench.open('tests/test_discounts.py');
  await until('the end of the finding', async () => (await failing()) === 0);
  assert.equal(readFileSync(module, 'utf8'), before, 'what is not saved is not on the disk');

  // Back, and the other way.
  await bench.open('src/shop/discounts.py');
  await bench.command('Airlock: Take a Change Back');
  await until('the old text', () => shows('if pieces > threshold:').count());
  const [first, ...others] = bench.servers();
  assert.ok(first !== undefined && others.length === 0, 'one server runs');
  await bench.command('Airlock: Restart the Server');
  await until('another server', async () => bench.servers().length === 1 && bench.servers()[0] !== first);
  await repair();
  await until('the second review', () => diff.isVisible());
  // Typed above the change: what stands on the right is of before, and that is said.
  await bench.open('src/shop/discounts.py');
  await shows('Quantity discounts and vouchers').first().click();
  await page.keyboard.press('Control+Home');
  await page.keyboard.type('\n');
  await bench.said('no longer the text that was checked');
  await page.keyboard.press('Control+z');
  await page.locator('.tab', { hasText: 'change by Airlock' }).click();
  await until('the second review again', () => diff.isVisible());
  await button('Reject the Change').click();
  const reason = page.locator('.quick-input-widget input').first();
  await until('the question', () => page.locator('.quick-input-widget', { hasText: 'reject the change' }).isVisible());
  await reason.fill('not like this');
  await page.keyboard.press('Enter');
  await until('the end of the second review', async () => !(await diff.isVisible()));
  assert.equal(readFileSync(module, 'utf8'), before);
  await bench.open('tests/test_discounts.py');
  assert.ok(await failing(), 'the test fails as before');
  console.log('all of it');
} catch (error) {
  console.log(await bench.failed().catch(String));
  throw error;
} finally {
  await bench.end();
}
