import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A break of the code that the simulator must find. */
interface Mutation {
  readonly name: string;
  readonly file: string;
  /** Stands once in the file. */
  readonly find: string;
  readonly put: string;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'the commit log is not synced',
    file: 'src/log/round-assembly.ts',
    find: 'operations: [...this.#writes, ...room, write, ...this.#syncs, sync],',
    put: 'operations: [...this.#writes, ...room, write, ...this.#syncs],',
  },
  {
    name: 'segments of large appends are not synced',
    file: 'src/log/round-assembly.ts',
    find: "      this.#syncs.push({ kind: 'sync', path });\n",
    put: '',
  },
  {
    name: 'a write is acknowledged before it is on the disk',
    file: 'src/log/commit-pipeline.ts',
    find: '    try {\n      const { syncMs } = await disk.run(assembled.operations);',
    put: '    this.#answer(accepted);\n    try {\n      const { syncMs } = await disk.run(assembled.operations);',
  },
  {
    name: 'a round is visible before it is durable',
    file: 'src/log/commit-pipeline.ts',
    find: '    try {\n      const { syncMs } = await disk.run(assembled.operations);',
    put: '    state.apply(assembled.round);\n    this.#context.publish(assembled.round);\n    try {\n      const { syncMs } = await disk.run(assembled.operations);',
  },
  {
    name: 'recovery keeps a last round without looking at its batches',
    file: 'src/log/recovery.ts',
    find: 'if (!whole)',
    put: 'if (!whole && bytes.length === 0)',
  },
  {
    name: 'the directory of a new segment is not synced',
    file: 'src/log/round-assembly.ts',
    find: "if (!inline && !isNamed) this.#syncs.push({ kind: 'sync-directory', path: directory });",
    put: '',
  },
  {
    name: 'the directory of a new commit log is not synced',
    file: 'src/log/commit-writer.ts',
    find: "        { kind: 'sync', path },\n        { kind: 'sync-directory', path: commitDirectory(dataDir) },\n",
    put: "        { kind: 'sync', path },\n",
  },
  {
    name: 'a refused round is not taken back',
    file: 'src/log/commit-pipeline.ts',
    find: '        await this.#undo(assembled);\n',
    put: '',
  },
  {
    name: 'a full disk is taken for success',
    file: 'src/log/commit-pipeline.ts',
    find: '      await this.#roundFailed(assembled, accepted, error);\n      return;',
    put: '      if (!isFull(error)) {\n        await this.#roundFailed(assembled, accepted, error);\n        return;\n      }',
  },
  {
    name: 'segments are not synced before a checkpoint stands for their rounds',
    file: 'src/log/commit-writer.ts',
    find: "      ...unsynced.files.map((path): DiskOperation => ({ kind: 'sync', path })),\n",
    put: '',
  },
  {
    name: 'a failed fsync is tried again and believed',
    file: 'src/log/commit-pipeline.ts',
    find: '      const { syncMs } = await disk.run(assembled.operations);',
    put: '      const { syncMs } = await disk.run(assembled.operations).catch(() => disk.run(assembled.operations.filter(({ kind }) => kind.startsWith("sync"))));',
  },
  {
    name: 'a checkpoint does not look whether it holds the last round',
    file: 'src/log/checkpoint-derivation.ts',
    find: 'if (state.commit !== task.commit) {',
    put: 'if (state.commit > task.commit) {',
  },
  {
    name: 'the last epoch of the journal is forgotten',
    file: 'src/engine/task/journal.ts',
    find: '  records.sort((a, b) => a.epoch - b.epoch);\n',
    put: '  records.sort((a, b) => a.epoch - b.epoch);\n  if (records.length > 3) records.pop();\n',
  },
  {
    name: 'a snapshot is committed before the epochs that it holds',
    file: 'src/engine/pipeline-runner.ts',
    find: '        this.#queue(this.#snapshotCommit(message.pointer));',
    put: '        this.#pending.unshift(this.#snapshotCommit(message.pointer));\n        if (!this.#committing) this.#commits = this.#commitAll();',
  },
  {
    name: 'a pipeline is started again while its last commit is on the way',
    file: 'src/engine/pipeline-runner.ts',
    find: '    await Promise.all([this.#commits, this.#ending]);',
    put: '    await this.#ending;',
  },
  {
    name: 'a snapshot is named before it is synced',
    file: 'src/engine/task/snapshot-store.ts',
    find: "    await this.#disk.run([\n      { kind: 'sync', path: this.#part },\n      { kind: 'rename'",
    put: "    await this.#disk.run([\n      { kind: 'rename'",
  },
  {
    name: 'sections of a snapshot are not checked',
    file: 'src/engine/task/snapshot-store.ts',
    find: 'if (crc32(bytes, operator ?? 0) !== expected)',
    put: 'if (expected < 0)',
  },
  {
    name: 'the watermark is lost in a snapshot',
    file: 'src/engine/operator/watermark.ts',
    find: '    for (let p = 0; p < partitions; p++) this.#largest[p] = reader.i64();\n',
    put: '    for (let p = 0; p < partitions; p++) reader.i64();\n',
  },
  {
    name: 'retention does not look at what pipelines need',
    file: 'src/log/retention.ts',
    find: 'if (end > pinned) break;',
    put: '',
  },
  {
    name: 'a batch that a producer repeats is taken again',
    file: 'src/log/round-assembly.ts',
    find: "    if (verdict.kind === 'duplicate') return { partition, config, stamp, duplicateOf: verdict.baseOffset };\n",
    put: '',
  },
  {
    name: 'a second round begins while the first is gathered',
    file: 'src/log/commit-pipeline.ts',
    find: '    this.#context.soon(() => {\n      this.#running = this.#drain()',
    put: '    this.#context.soon(() => {\n      this.#scheduled = false;\n      this.#running = this.#drain()',
  },
  {
    name: 'a task that fails before the others have begun is left behind',
    file: 'src/engine/exchange/pipeline-group.ts',
    find: 'const failure: unknown = failed?.reason ?? this.#failure;',
    put: 'const failure: unknown = failed?.reason;',
  },
  {
    name: 'a task is begun before the one before it has ended',
    file: 'src/engine/pipeline-runner.ts',
    find: '    await Promise.all([this.#commits, this.#ending]);',
    put: '    await this.#commits;',
  },
  {
    name: 'a cut-over leaves the rows of the version before',
    file: 'src/engine/version/build.ts',
    find: 'const appends: Append[] = differences.flatMap(({ difference }) => difference.appends);',
    put: 'const appends: Append[] = [];',
  },
  {
    name: 'a sink goes on where it believes that it was',
    file: 'src/connector/sink-loop.ts',
    find: 'const { state, offsets = begin } = await target.open(stored, begin, this.#stop.signal);',
    put: 'const { state } = await target.open(stored, begin, this.#stop.signal);\n    const offsets = begin;',
  },
  {
    name: 'a batch that was announced is made anew',
    file: 'src/connector/sink-loop.ts',
    find: '    if (pending !== undefined) {\n      const { partition, to }',
    put: '    if (pending !== undefined && offsets.length === 0) {\n      const { partition, to }',
  },
  {
    name: 'a repeated request is taken again',
    file: 'src/ingest/idempotency.ts',
    find: '    if (known !== undefined) return known;\n',
    put: '',
  },
];

/** Seeds within which each must be found. */
const SEEDS_MAX = 1_000;
const FOLDERS = ['src', 'test', 'scripts', 'dist'] as const;
const FILES = ['package.json', 'tsconfig.json'] as const;

/** Patches a copy of the source for each mutation, and simulates there. @returns whether all were found */
export async function runMutations({
  seeds,
  only,
}: {
  readonly seeds: number;
  readonly only: string;
}): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-mutations-'));
  let value = 0;
  let missed = 0;
  try {
    for (const name of FOLDERS) cpSync(name, join(folder, name), { recursive: true });
    for (const name of FILES) cpSync(name, join(folder, name));
    symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
    for (const mutation of MUTATIONS) {
      if (!mutation.name.includes(only)) continue;
      const found = await seedsUntilFound(folder, mutation, Math.max(seeds, SEEDS_MAX));
      if (found === undefined) missed++;
      else value++;
      console.log(
        `${found === undefined ? 'NOT FOUND' : `found by seed ${found.seed}`}\t${mutation.name}\t${found?.how ?? ''}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(
    JSON.stringify({
      bench: 'simulate-mutations',
      value,
      unit: 'found',
      against: null,
      ratio: null,
      detail: { missed },
    }),
  );
  return missed === 0;
}

interface Found {
  readonly seed: number;
  readonly how: string;
}

/** The source with the break in it. @throws Error when the source no longer holds, once, what the mutation replaces */
export function mutated({ name, file, find, put }: Mutation, source: string): string {
  const times = source.split(find).length - 1;
  if (times !== 1) throw new Error(`breaking the code: ${file} holds ${times} times what "${name}" replaces`);
  return source.replace(find, () => put);
}

async function seedsUntilFound(folder: string, mutation: Mutation, seeds: number): Promise<Found | undefined> {
  const path = join(folder, mutation.file);
  const source = readFileSync(path, 'utf8');
  writeFileSync(path, mutated(mutation, source));
  try {
    const { code, output } = await simulated(folder, seeds);
    if (code === 0) return undefined;
    const how = /^seed (\d+): (.*)$/m.exec(output);
    if (how === null) throw new Error(`breaking the code: "${mutation.name}" does not run: ${output.slice(-500)}`);
    return { seed: Number(how[1]), how: how[2]!.slice(0, 100) };
  } finally {
    writeFileSync(path, source);
  }
}

function simulated(folder: string, seeds: number): Promise<{ readonly code: number | null; readonly output: string }> {
  const args = ['scripts/run-ts.mjs', 'test/simulation/simulate.run.ts', '--seeds', `1..${seeds}`];
  const child = spawn(process.execPath, args, { cwd: folder });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      output += data.toString();
    });
  }
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
}
