import type { Offset } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import type { HeadraceError } from '../base/error.ts';
import { compileExpression, type Evaluator } from '../plan/evaluate.ts';
import type { AlertRuleNode } from '../plan/node.ts';
import { fromJsonValue } from '../plan/value/json-value.ts';
import type { JsonRow } from '../serving/serving.ts';
import type { ViewTable } from '../serving/table.ts';
import type { RecordListener } from '../serving/topic-feed.ts';
import type { Following, TopicHub } from '../serving/topic-hub.ts';
import { formatPosition, type TopicPosition } from '../serving/topic-position.ts';
import type { TopicRecord } from '../serving/topic-record.ts';
import { ALERT_ROWS_REMEMBERED } from './limits.ts';

/** What a row of the view says about one instance of the rule. */
export interface RuleSighting {
  readonly id: string;
  readonly keys: Readonly<Record<string, unknown>>;
  readonly row: JsonRow;
  readonly matches: boolean;
}

export interface RuleFollowerOptions {
  readonly hub: TopicHub;
  readonly clock: Clock;
  readonly rule: AlertRuleNode;
  readonly view: ViewTable;
  readonly from: TopicPosition;
  /** Every row, in order. */
  readonly seen: (sighting: RuleSighting) => void;
  /** After each slice of rows. */
  readonly moved: () => void;
  readonly report: (error: unknown, about: string) => void;
}

/** Follows a rule's view and evaluates its condition on every row. */
export class RuleFollower implements RecordListener {
  readonly rule: AlertRuleNode;
  readonly #options: RuleFollowerOptions;
  readonly #following: Following;
  readonly #instanceByRow = new Map<string, RuleSighting>();
  #reported = false;
  #failed = false;

  constructor(options: RuleFollowerOptions) {
    this.rule = options.rule;
    this.#options = options;
    this.#following = options.hub.follow(options.view.topic, options.from, this);
  }

  get topic(): string {
    return this.#options.view.topic;
  }

  /** Everything below has been evaluated. */
  position(): string {
    return formatPosition(this.#following.position());
  }

  /** Evaluates at once what lies below `until`; true when all of it has been. */
  advanceTo(until: TopicPosition, overtime: () => boolean): boolean {
    return this.#failed || this.#following.advanceTo(until, overtime);
  }

  records(records: readonly TopicRecord[]): void {
    const nowUs = BigInt(this.#options.clock.now()) * 1000n;
    const holds = compileExpression(this.rule.condition, { nowUs });
    for (const record of records) this.#see(record, holds);
    this.#options.moved();
  }

  gap(partition: number, from: Offset, to: Offset): void {
    const lost = new Error(
      `offsets ${from} to ${to - 1} of partition ${partition} were past retention before they were read`,
    );
    this.#options.report(lost, `alert rule ${this.rule.name}`);
  }

  failed(error: HeadraceError): void {
    this.#failed = true;
    this.#options.report(error, `alert rule ${this.rule.name}`);
  }

  close(): void {
    this.#following.close();
  }

  #see(record: TopicRecord, holds: Evaluator): void {
    const row = record.row();
    const rowKey = record.key ?? '';
    if (row === null) {
      const before = this.#instanceByRow.get(rowKey);
      this.#instanceByRow.delete(rowKey);
      if (before !== undefined) this.#options.seen({ ...before, matches: false });
      return;
    }
    const keys = this.#keysOf(row);
    const sighting = { id: instanceId(this.rule.name, keys), keys, row, matches: this.#matches(row, holds) };
    // A deleted row carries no columns: what it stood for is remembered while it matches.
    this.#instanceByRow.delete(rowKey);
    if (sighting.matches) this.#instanceByRow.set(rowKey, sighting);
    if (this.#instanceByRow.size > ALERT_ROWS_REMEMBERED) {
      const oldest = this.#instanceByRow.keys().next();
      if (!oldest.done) this.#instanceByRow.delete(oldest.value);
    }
    this.#options.seen(sighting);
  }

  #keysOf(row: JsonRow): Readonly<Record<string, unknown>> {
    const { columns } = this.#options.view;
    return Object.fromEntries(
      this.rule.keys.flatMap((index) => {
        const name = columns[index]?.name;
        return name === undefined ? [] : [[name, row[name] ?? null]];
      }),
    );
  }

  /** A condition that cannot be computed for a row does not hold for it; the first such error is reported. */
  #matches(row: JsonRow, holds: Evaluator): boolean {
    const { columns } = this.#options.view;
    try {
      const values = columns.map(({ name, type }) => fromJsonValue(row[name], type));
      return holds(values) === true;
    } catch (error) {
      if (!this.#reported) this.#options.report(error, `alert rule ${this.rule.name}`);
      this.#reported = true;
      return false;
    }
  }
}

/** `rule{key=value,...}`: the same for the same rule and key values. */
export function instanceId(rule: string, keys: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(keys).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${rule}{${parts.join(',')}}`;
}
