const TONES: Readonly<Record<string, string>> = {
  running: 'good',
  recovering: 'warn',
  retrying: 'warn',
  paused: '',
  failed: 'bad',
  stopped: '',
};

export function PipelineState({ state }: { readonly state: string }) {
  return <span class={`badge ${TONES[state] ?? ''}`}>{state}</span>;
}
