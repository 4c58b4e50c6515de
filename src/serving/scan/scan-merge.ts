import type { AggregateNode } from '../../plan/node.ts';
import { textToValue } from '../../plan/value/value-text.ts';
import { scanAggregate } from './scan-aggregate.ts';
import { ScanGroups } from './scan-groups.ts';
import type { ScanPartial } from './scan-partial.ts';

/** Puts together what the parts of a scan found: rows of the aggregate's columns. */
export function* mergedRows(aggregate: AggregateNode, partials: readonly ScanPartial[]): Iterable<readonly unknown[]> {
  const types = aggregate.groups.map((group) => group.type);
  const groups = new ScanGroups(types);
  const aggregates = aggregate.aggregates.map(scanAggregate);
  for (const partial of partials) {
    const ids = new Int32Array(partial.groups);
    for (let group = 0; group < partial.groups; group++) {
      ids[group] = groups.idOf(
        partial.keys.map((texts, at) => {
          const text = texts[group]!;
          return text === null ? null : textToValue(text, types[at]!);
        }),
      );
    }
    aggregates.forEach((merged, at) => {
      merged.merge(partial.aggregates[at]!, ids, groups.size);
    });
  }
  for (let group = 0; group < groups.size; group++) {
    yield [...groups.valuesOf(group), ...aggregates.map((merged) => merged.value(group))];
  }
}
