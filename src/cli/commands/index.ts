import type { Command } from '../command.ts';
import { apply } from './apply.ts';
import { bench } from './bench.ts';
import { dev } from './dev.ts';
import { dlq } from './dlq.ts';
import { doctor } from './doctor.ts';
import { explain } from './explain.ts';
import { init } from './init.ts';
import { pipelines } from './pipelines.ts';
import { plan } from './plan.ts';
import { replay } from './replay.ts';
import { run } from './run.ts';
import { sql } from './sql.ts';
import { start } from './start.ts';
import { state } from './state.ts';
import { tail } from './tail.ts';
import { test } from './test.ts';
import { tokens } from './tokens.ts';
import { topics } from './topics.ts';

/** Every command, in the order of the overview. */
export const commands: readonly Command[] = [
  init,
  dev,
  start,
  run,
  plan,
  apply,
  pipelines,
  replay,
  test,
  sql,
  tail,
  topics,
  dlq,
  tokens,
  explain,
  state,
  doctor,
  bench,
];
