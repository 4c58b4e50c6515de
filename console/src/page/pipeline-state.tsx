const TONES: Readonly<Record<string, string>> = {
  running: 'good',
  recovering: 'warn',
  paused: 'warn',
  failed: 'bad',
  stopped: '',
};

export function PipelineState({ state }: { readonly state: string }) {
  return <span class={`badge ${TONES[state] ?? ''}`}>{state}</span>;
}
