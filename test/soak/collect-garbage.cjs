// Loaded ahead of the process that is measured: a signal collects what nothing holds any more, in its main thread. What is
// left then tells a leak from V8's lazy old generation, whose saw-tooth of 100 MB takes ten minutes.
const { isMainThread } = require('node:worker_threads');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

if (isMainThread) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  process.on('SIGUSR2', () => collect());
}
