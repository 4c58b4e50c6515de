#!/usr/bin/env node
// Old Nodes must be able to parse this file: nothing newer than ES2015 here, but for import(), which Node 10 parses.
var version = process.versions.node.split('.').map(Number);
if (version[0] < 20 || (version[0] === 20 && version[1] < 19)) {
  console.error(
    'Headrace needs Node 20.19 or newer, and this is Node ' +
      process.versions.node +
      ': install a newer one from https://nodejs.org.',
  );
  process.exit(1);
}
import('../dist/cli/main.js').then(
  (cli) =>
    cli.main(process.argv.slice(2)).then((code) => {
      process.exitCode = code;
    }),
  (error) => {
    console.error(`starting headrace: ${error.message}; if this is a checkout, run "npm run build" first`);
    process.exit(1);
  },
);
