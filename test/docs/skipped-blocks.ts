/** Commands that pages print and the tests do not run, each with its reason. */
export const SKIPPED_BLOCKS: readonly { readonly page: string; readonly begins: string; readonly reason: string }[] = [
  { page: 'README.md', begins: 'npm ci && npm start', reason: 'run by scripts/check-start.mjs and by .ci/run' },
  { page: 'README.md', begins: 'npx headrace init app', reason: 'run by scripts/check-package.mjs' },
  { page: 'CONTRIBUTING.md', begins: 'npm ci', reason: 'run by .ci/run' },
  {
    page: 'docs/how-to/operate-under-faults.md',
    begins: 'npm run test:faults',
    reason: 'takes minutes; a short form is run by .ci/run',
  },
];
