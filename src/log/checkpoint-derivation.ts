import { checkpointOperations, encodeCheckpoint } from './checkpoint.ts';
import { applyCheckpoint, readCommitChain } from './commit-chain.ts';
import { corruptCommitFile } from './commit-file.ts';
import type { DiskReader, DiskTask, PlainOperation } from './disk.ts';
import { checkpointPath } from './file-layout.ts';
import { LogState } from './log-state.ts';

/**
 * The checkpoint `through`, from the commit logs before it: what recovery would read, written down. It is made from the
 * files and not from memory, so that nothing waits for it, and so that damage is found while the rounds are still there.
 * It counts once its rename is durable. Pure, but for reading.
 * @throws HeadraceError `LOG_CORRUPT`
 */
export function checkpointFromFiles(
  reader: DiskReader,
  task: Extract<DiskTask, { kind: 'checkpoint' }>,
): readonly PlainOperation[] {
  const { dataDir, through } = task;
  const path = checkpointPath(dataDir, through);
  const chain = readCommitChain(reader, dataDir, through);
  if (chain === undefined) throw corruptCommitFile(path, 0, 'there is no checkpoint before it');
  if (chain.damage !== undefined) throw chain.damage;
  const state = new LogState(task.producerExpiryMs);
  applyCheckpoint(state, chain);
  for (const { round } of chain.rounds) state.apply(round);
  if (state.commit !== task.commit) {
    const last = chain.files[chain.files.length - 1]!;
    const why = `the rounds end at commit ${state.commit}, and ${task.commit} was the last: what follows is damaged`;
    throw corruptCommitFile(last.path, last.scan.end, why);
  }
  const leaderEpoch = chain.files[0]!.header.leaderEpoch;
  const header = { leaderEpoch, salt: task.salt, generation: through };
  const bytes = encodeCheckpoint(state, header, task.now - task.producerExpiryMs);
  return checkpointOperations(dataDir, through, bytes);
}
