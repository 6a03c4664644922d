// The main job in VS Code, as its user does it: run the tests, pick the fix on the failing one, review it side by side, accept.
// Then a second one that is rejected, with the server restarted in between, and one that is cancelled.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { start, until } from './drive.mjs';

const ORBIT = `def orbit(turns):
    total = 0
    for step in range(turns):
        if step > 1 and turns < 9:
            total = total + step * 2 - 1
        elif step == 1 or turns >= 20:
            total = total - step
        else:
            total += turns // 3
    return total
`;
const ORBIT_TEST = `from shop.orbit import orbit


def test_orbit():
    assert [orbit(turns) for turns in range(12)] == [turns ** 3 - 7 * turns for turns in range(12)]
`;
const bench = await start();
const { page } = bench;
const module = join(process.env.AIRLOCK_PROJECT, 'src/shop/discounts.py');
const before = readFileSync(module, 'utf8');
const shows = (text) => page.locator('.monaco-editor .view-line', { hasText: text });
const diff = page.locator('.monaco-diff-editor');
const button = (label) => page.locator(`.editor-actions a.action-label[aria-label*="${label}"]`).first();
const failing = () => page.locator('.squiggly-error').count();

const progress = page.locator('[id="status.progress"]');
const cancel = page.locator('.notifications-center .monaco-button', { hasText: 'Cancel' });

/** Looks for an action at a line of the editor that is open. */
async function action(line, title) {
  const found = page.locator('.action-widget .monaco-list-row', { hasText: title });
  await until(`the action "${title}"`, () => found.isVisible(), async () => {
    await page.keyboard.press('Escape');
    await shows(line).first().click();
    await page.keyboard.press('Control+.');
    await found.waitFor({ timeout: 2000 }).catch(() => {});
  });
  return found;
}

async function repair(file = 'test_discounts.py', line = 'quantity_discount(10)') {
  await bench.open(file);
  await bench.command('Airlock: Run the Tests');
  await until('the failing test', failing);
  await until('the offer over it', () => page.locator('.codelens-decoration', { hasText: 'Make it pass' }).count());
  const found = await action(line, 'Airlock: make this test pass');
  await bench.picture('fix');
  await found.click();
}

try {
  await bench.open('test_discounts.py');
  await bench.command('View: Toggle Primary Side Bar Visibility');
  await repair();

  // Its progress has a button to cancel; this one is let go on.
  await until('the progress', () => progress.isVisible());
  await progress.click();
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
  await action('verdict', 'Airlock: accept the change');
  await page.keyboard.press('Escape');
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
  await bench.command('Airlock: Review the Change');
  await bench.said('cannot be shown side by side');
  await until('the report instead', () => shows('diff --git').count());
  await bench.open('src/shop/discounts.py');
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

  // One that nothing mends, so that there is time to cancel it.
  await bench.command('File: Revert File');
  writeFileSync(join(process.env.AIRLOCK_PROJECT, 'src/shop/orbit.py'), ORBIT);
  writeFileSync(join(process.env.AIRLOCK_PROJECT, 'tests/test_orbit.py'), ORBIT_TEST);
  await repair('tests/test_orbit.py', 'range(12)');
  await until('the search', () => progress.isVisible());
  await until('the way to cancel it', () => cancel.isVisible(), () => progress.click({ timeout: 1000 }).catch(() => {}));
  await cancel.click();
  await bench.said('cancelled; nothing was changed');
  console.log('all of it');
} catch (error) {
  console.log(await bench.failed().catch(String));
  throw error;
} finally {
  await bench.end();
}
