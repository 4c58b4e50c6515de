import type { PipelineStatus } from '../api/types.ts';
import { formatCount } from '../state/format.ts';

const TONES: Readonly<Record<string, string>> = {
  running: 'good',
  recovering: 'warn',
  retrying: 'warn',
  paused: '',
  failed: 'bad',
  stopped: '',
};

export function PipelineState({ state, building }: Pick<PipelineStatus, 'state' | 'building'>) {
  return (
    <>
      <span class={`badge ${TONES[state] ?? ''}`}>{state}</span>
      {building !== undefined && (
        <span class="badge warn">
          version {building.version} is built, {formatCount(building.lagRecords)} records left
        </span>
      )}
    </>
  );
}
