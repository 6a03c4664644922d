// Bundles the extension into one file, or with `test` each unit test into one of its own.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const common = { bundle: true, platform: 'node', target: 'node20', format: 'cjs', logLevel: 'warning' };

/** The licences of what is bundled, which ask to be handed on. */
function notices(inputs) {
  const folders = new Set();
  for (const input of Object.keys(inputs)) {
    const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
    if (folder !== undefined) {
      folders.add(folder);
    }
  }
  return [...folders].sort().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
    const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
    if (file === undefined) {
      throw new Error(`${name} ${version} carries no licence`);
    }
    return `${name} ${version}\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`;
  }).join('\n----\n\n');
}

if (process.argv[2] === 'test') {
  rmSync('dist/test', { recursive: true, force: true });
  const entryPoints = readdirSync('test').filter((name) => name.endsWith('.test.ts')).map((name) => `test/${name}`);
  await build({ ...common, entryPoints, outdir: 'dist/test', outExtension: { '.js': '.cjs' } });
} else {
  const { metafile } = await build({
    ...common,
    entryPoints: ['src/extension.ts'],
    outfile: 'dist/extension.js',
    // VS Code brings it.
    external: ['vscode'],
    minify: true,
    metafile: true,
  });
  writeFileSync('dist/third-party.txt', notices(metafile.inputs));
}
