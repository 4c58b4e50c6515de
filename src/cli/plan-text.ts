import type { ShownPlan } from '../plan/comparison/project-plan.ts';
import { styled, type Terminal } from './output.ts';

type ShownChange = ShownPlan['pipelines'][number];
type ShownView = ShownChange['views'][number];

const MARKS: Readonly<Record<string, string>> = {
  created: '+',
  dropped: '-',
  survives: '~',
  rebuilt: '~',
  unchanged: ' ',
};

const FATES: Readonly<Record<string, string>> = {
  created: 'is new',
  dropped:
    'is not declared any more: it is stopped; its state and topics are kept, and up to 16 GiB of its inputs, until "headrace pipelines drop"',
  survives: 'changes, and goes on with its state',
  rebuilt: 'changes: a new version is built beside and takes its place when it has caught up',
  unchanged: 'is unchanged',
};

const VIEW_FATES: Readonly<Record<string, string>> = {
  created: 'new',
  dropped: 'gone',
  survives: 'state is kept',
  rebuilt: 'built anew',
  unchanged: 'unchanged',
};

/** A plan for people: what changes, why, and what that means for state and rows. */
export function planText(plan: ShownPlan, terminal: Terminal): string {
  if (!plan.changes) return 'nothing to do: what runs is what the files say\n';
  const shown = plan.pipelines.filter(({ fate }) => fate !== 'unchanged');
  const same = plan.pipelines.length - shown.length;
  const lines = shown.flatMap((change) => [...changeLines(change, terminal), '']);
  if (same > 0) lines.push(`${same} pipeline${same === 1 ? ' is' : 's are'} unchanged.`);
  return `${lines.join('\n').trimEnd()}\n`;
}

function changeLines(change: ShownChange, terminal: Terminal): string[] {
  const { pipeline, fate, version, building, besides, lostInputs } = change;
  const number = version === null ? '' : ` (version ${version})`;
  const lines = [
    `${MARKS[fate] ?? ' '} pipeline ${styled(terminal, 'bold', pipeline)}${number} ${FATES[fate] ?? fate}`,
  ];
  if (building !== null) lines.push(`    version ${building} is being built`);
  for (const view of change.views) lines.push(...viewLines(view, fate === 'created' || fate === 'dropped'));
  for (const beside of besides) lines.push(`    ${beside}`);
  for (const { topic, partition, from } of lostInputs) {
    lines.push(
      `    ! ${topic}/${partition} begins at offset ${from} now: what was before is in no new result (--accept-loss)`,
    );
  }
  return lines;
}

function viewLines({ view, topic, fate, changes, consequence }: ShownView, whole: boolean): string[] {
  const head = `    ${MARKS[fate] ?? ' '} view ${view} (topic ${topic}): ${VIEW_FATES[fate] ?? fate}`;
  if (whole) return [head];
  return [
    head,
    ...changes.map((change) => `        ${change}`),
    ...(consequence === null ? [] : [`        -> ${consequence}`]),
  ];
}
