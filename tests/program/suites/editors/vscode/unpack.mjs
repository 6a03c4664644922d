// Unpacks Chromium, which its package carries compressed, with its libraries and fonts into the folder that TMPDIR names.
import { pathToFileURL } from 'node:url';

// The package unpacks its libraries only where it takes the machine for the one that it is made for.
process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs20.x';
const { default: packed } = await import(pathToFileURL('node_modules/@sparticuz/chromium/build/index.js').href);
console.log(await packed.executablePath());
