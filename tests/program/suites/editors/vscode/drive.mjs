// VS Code (code-server) in a headless Chromium, for a scenario to drive. Everything that is waited for is looked for on the
// page again and again until a deadline; keys that are typed before the workbench listens are lost, so they are typed again.
//
// The environment names the folder of the packages (AIRLOCK_PACKAGES), one for this run (AIRLOCK_RUN), the workspace
// (AIRLOCK_PROJECT), the extension (AIRLOCK_VSIX), the program (AIRLOCK_PROGRAM), its environment (AIRLOCK_ENVIRONMENT, JSON), and
// where pictures go, if anywhere (AIRLOCK_PICTURES).
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const DEADLINE = 120_000;
const env = process.env;
const modules = join(env.AIRLOCK_PACKAGES, 'node_modules');
const { chromium } = createRequire(join(modules, 'x.js'))('playwright-core');

/** Waits until `look` gives something, and gives that; `again` is done before each look. */
export async function until(what, look, again = async () => {}) {
  const end = Date.now() + DEADLINE;
  let last;
  while (Date.now() < end) {
    await again();
    try {
      const found = await look();
      if (found) {
        return found;
      }
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} did not come${last ? `: ${last.message}` : ''}`);
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Chromium with the libraries of its package, and its fonts beside those of the machine. */
async function browse() {
  const folder = join(env.AIRLOCK_PACKAGES, 'browser');
  const fonts = join(env.AIRLOCK_RUN, 'fonts.conf');
  writeFileSync(fonts, '<?xml version="1.0"?><fontconfig><include ignore_missing="yes">/etc/fonts/fonts.conf</include>'
    + `<dir>${join(folder, 'fonts')}</dir><cachedir>${join(env.AIRLOCK_RUN, 'fonts')}</cachedir></fontconfig>`);
  const own = { ...env, HOME: env.AIRLOCK_RUN, LD_LIBRARY_PATH: join(folder, 'al2023/lib'), FONTCONFIG_FILE: fonts };
  return chromium.launch({ executablePath: join(folder, 'chromium'), args: FLAGS, env: own });
}

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
];

/** Settings that leave nothing on the screen but what is looked at. */
const usual = () => ({
  'airlock.server.path': env.AIRLOCK_PROGRAM,
  'airlock.server.environment': JSON.parse(env.AIRLOCK_ENVIRONMENT ?? '{}'),
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'chat.commandCenter.enabled': false,
  'chat.disableAIFeatures': true,
  'window.commandCenter': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'security.workspace.trust.startupPrompt': 'never',
  'security.workspace.trust.banner': 'never',
  'editor.minimap.enabled': false,
  'files.autoSave': 'off',
});

/** Starts both, and gives the page with what a scenario does on it. */
export async function start({ settings = {}, trusted = true } = {}) {
  const at = (name) => join(env.AIRLOCK_RUN, name);
  const entry = join(modules, 'code-server/out/node/entry.js');
  const port = await freePort();
  mkdirSync(at('data/User'), { recursive: true });
  writeFileSync(at('config.yaml'), `bind-addr: 127.0.0.1:${port}\nauth: none\ncert: false\n`);
  writeFileSync(at('data/User/settings.json'), JSON.stringify({ ...usual(), ...settings }));
  const own = {
    ...env,
    HOME: env.AIRLOCK_RUN,
    // A loopback port that nobody serves: no gallery.
    EXTENSIONS_GALLERY: JSON.stringify({ serviceUrl: 'http://127.0.0.1:9', itemUrl: 'http://127.0.0.1:9' }),
  };
  const common = [entry, '--config', at('config.yaml'), '--user-data-dir', at('data'), '--extensions-dir', at('extensions')];
  const installed = spawnSync(process.execPath, [...common, '--install-extension', env.AIRLOCK_VSIX], { env: own, encoding: 'utf8' });
  if (installed.status !== 0) {
    throw new Error(`the extension cannot be installed: ${installed.stdout}${installed.stderr}`);
  }
  const quiet = ['--disable-telemetry', '--disable-update-check', '--ignore-last-opened'];
  const trust = trusted ? ['--disable-workspace-trust'] : [];
  const server = spawn(process.execPath, [...common, ...quiet, ...trust, env.AIRLOCK_PROJECT], { env: own, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  server.stdout.on('data', (text) => { said += text; });
  server.stderr.on('data', (text) => { said += text; });
  const stop = () => {
    try {
      process.kill(-server.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  process.on('exit', stop);
  await until('code-server', async () => {
    if (server.exitCode !== null) {
      throw new Error(`code-server ended: ${said}`);
    }
    return said.includes('HTTP server listening');
  });
  const chrome = await browse();
  const page = await chrome.newPage({ viewport: { width: 1180, height: 720 } });
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.waitForSelector('.monaco-workbench', { timeout: DEADLINE });
  return new Workbench(page, { servers: () => servers(server.pid), end: async () => { await chrome.close(); stop(); } });
}

/** Processes of the program `airlock lsp` below a process, by their numbers. */
function servers(root) {
  const parents = new Map();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      // The name of the program, in brackets, may hold anything.
      const parent = readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[1];
      parents.set(Number(name), Number(parent));
    } catch {
      // It has ended.
    }
  }
  const isBelow = (pid) => {
    for (let at = parents.get(pid); at !== undefined && at > 1; at = parents.get(at)) {
      if (at === root) {
        return true;
      }
    }
    return false;
  };
  return [...parents.keys()].filter((pid) => {
    try {
      const [program, command] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return program.endsWith('/airlock') && command === 'lsp' && isBelow(pid);
    } catch {
      return false;
    }
  });
}

class Workbench {
  constructor(page, { servers, end }) {
    this.page = page;
    this.servers = servers;
    this.taken = new Set();
    this.end = end;
  }

  /** Opens a file of the workspace by its path. */
  async open(path) {
    const name = path.split('/').pop();
    const tab = this.page.locator(`.tab.active[data-resource-name="${name}"]`);
    await until(`the file ${path}`, async () => {
      await this.pick('Control+p', path, name);
      await tab.waitFor({ timeout: 2000 });
      return true;
    });
  }

  /** Runs a command of the palette by its title. */
  async command(title) {
    await until(`the command ${title}`, async () => {
      await this.pick('F1', `>${title}`, title);
      return true;
    });
  }

  /** Whether the palette has a command, once it has those of the extension. */
  async has(title) {
    await this.page.keyboard.press('F1');
    await this.box().fill(`>${title}`, { timeout: 2000 });
    const found = await this.row(title).waitFor({ timeout: 2000 }).then(() => true, () => false);
    await this.page.keyboard.press('Escape');
    return found;
  }

  /** Waits for a message of these words. */
  async said(words) {
    await until(`the message "${words}"`, () => this.message(words).count());
  }

  message(words) {
    return this.page.locator('.notification-list-item-message', { hasText: words });
  }

  box() {
    return this.page.locator('.quick-input-widget:visible input').first();
  }

  row(text) {
    return this.page.locator('.quick-input-list .monaco-list-row', { hasText: text }).first();
  }

  /** Asks for a list by its key, and takes the line with a text. The key may come before the workbench listens. */
  async pick(key, typed, text) {
    await this.page.keyboard.press('Escape');
    await this.page.keyboard.press(key);
    await this.box().fill(typed, { timeout: 1000 });
    await this.row(text).click({ timeout: 2000 });
  }

  /** What the page shows, a picture of it, and the server's log, of a run that went wrong. */
  async failed() {
    await this.picture('failed');
    const log = join(JSON.parse(env.AIRLOCK_ENVIRONMENT).XDG_STATE_HOME, 'airlock/lsp.log');
    const said = existsSync(log) ? readFileSync(log, 'utf8') : 'there is no log';
    return `${await this.page.locator('body').innerText()}\n${said}`;
  }

  /** Takes a picture, the first time that it is asked for one of this name. */
  async picture(name) {
    const folder = env.AIRLOCK_PICTURES;
    if (folder && !this.taken.has(name)) {
      this.taken.add(name);
      await this.page.mouse.move(600, 600);
      await this.page.screenshot({ path: join(folder, `${name}.png`) });
    }
  }
}
