import { instant, type JsonObject, list, listIn, number, object, optionalNumber, optionalText, text } from './json.ts';
import type {
  Alert,
  AlertState,
  ColumnInfo,
  DeadLetter,
  Freshness,
  LiveFrame,
  MetricSample,
  Metrics,
  OperatorStatus,
  PipelineStatus,
  QueryResult,
  TableInfo,
  TopicInfo,
} from './types.ts';

/** Watermarks at the end of bounded input are "infinity"; anything past the year 3000 counts as that. */
const INFINITY_FROM_MS = Date.UTC(3000, 0, 1);

function watermarkOf(value: unknown): number | undefined {
  if (value === 'infinity') return Number.POSITIVE_INFINITY;
  const at = instant(value);
  if (at === undefined || at < 0) return undefined;
  return at > INFINITY_FROM_MS ? Number.POSITIVE_INFINITY : at;
}

export function decodeMetrics(value: unknown): Metrics {
  const fields = object(value);
  const fsyncMs = object(object(fields.latency).fsyncMs);
  return {
    version: optionalText(fields.version),
    project: optionalText(fields.project),
    recordsPerSecond: optionalNumber(object(fields.throughput).recordsPerSecond),
    fsyncP99Ms: optionalNumber(fsyncMs.p99),
    history: list(fields.history).map((item) => {
      const point = object(item);
      const latencyMs = object(point.latencyMs);
      return {
        at: number(point.at),
        recordsPerSecond: number(point.recordsPerSecond),
        processedPerSecond: optionalNumber(point.processedPerSecond),
        deadLettersPerSecond: optionalNumber(point.deadLettersPerSecond),
        lagRecords: optionalNumber(point.lagRecords),
        latencyP50Ms: optionalNumber(latencyMs.p50),
        latencyP99Ms: optionalNumber(latencyMs.p99),
        fsyncP99Ms: optionalNumber(point.fsyncP99Ms),
        memoryBytes: optionalNumber(point.memoryBytes),
      };
    }),
    samples: listIn(value, 'samples', 'metrics').map(decodeSample),
  };
}

function decodeSample(value: unknown): MetricSample {
  const fields = object(value);
  const labels = Object.entries(object(fields.labels)).map(([name, label]) => [name, text(label)] as const);
  return { name: text(fields.name), labels: Object.fromEntries(labels), value: number(fields.value) };
}

function buildingOf(value: unknown): PipelineStatus['building'] {
  if (value === null || value === undefined) return undefined;
  const { version, lagRecords } = object(value);
  return { version: number(version), lagRecords: number(lagRecords) };
}

export function decodePipelines(value: unknown): readonly PipelineStatus[] {
  return listIn(value, 'pipelines', 'items').map((item) => {
    const fields = object(item);
    const error = fields.error;
    const epochMs = object(fields.epochMs);
    return {
      name: text(fields.name, 'unnamed'),
      state: text(fields.state, 'running'),
      building: buildingOf(fields.building),
      epoch: number(fields.epoch),
      error: optionalText(error) ?? optionalText(object(error).message),
      lagRecords: number(fields.lagRecords),
      watermark: watermarkOf(fields.watermark),
      operators: list(fields.operators).map(decodeOperator),
      edges: list(fields.edges).map((edge) => {
        const ends = object(edge);
        return { from: text(ends.from), to: text(ends.to), rows: number(ends.rows) };
      }),
      lateRows: number(fields.lateRows),
      duplicateRows: number(fields.duplicateRows),
      epochMs: { p50: optionalNumber(epochMs.p50), p99: optionalNumber(epochMs.p99) },
      stateBytes: number(fields.stateBytes),
      stateKeys: number(fields.stateKeys),
      snapshotEpoch: optionalNumber(fields.snapshotEpoch),
    };
  });
}

function decodeOperator(value: unknown): OperatorStatus {
  const fields = object(value);
  const id = text(fields.id);
  return {
    id,
    kind: text(fields.kind, id.split(':')[0] ?? ''),
    label: text(fields.label, id),
    rowsIn: number(fields.rowsIn),
    rowsOut: number(fields.rowsOut),
    watermark: watermarkOf(fields.watermark),
    stateKeys: number(fields.stateKeys),
    stateBytes: number(fields.stateBytes),
  };
}

export function decodeFreshness(value: unknown): Freshness {
  const fields = object(value);
  return {
    asOf: instant(fields.asOf),
    watermark: watermarkOf(fields.watermark),
    lagRecords: optionalNumber(fields.lagRecords),
    commit: optionalNumber(fields.commit),
  };
}

function decodeColumns(value: unknown): readonly ColumnInfo[] {
  return list(value).map((item) => {
    if (typeof item === 'string') return { name: item, type: '' };
    const fields = object(item);
    return { name: text(fields.name), type: typeName(fields.type) };
  });
}

function typeName(value: unknown): string {
  const fields = object(value);
  if (fields.kind === 'array') return `${typeName(fields.element)}[]`;
  return optionalText(value) ?? text(fields.kind);
}

function decodeTable(item: unknown): TableInfo {
  const fields = object(item);
  return {
    name: text(item) || text(fields.name),
    columns: decodeColumns(fields.columns),
    keyColumns: listIn(fields.keyColumns ?? fields.keys).map((name) => text(name)),
    rows: optionalNumber(fields.size ?? fields.rowCount ?? fields.rows),
    freshness: decodeFreshness(fields.freshness),
  };
}

export function decodeTables(value: unknown): readonly TableInfo[] {
  return listIn(value, 'tables', 'items').map(decodeTable);
}

export function decodeTopics(value: unknown): readonly TopicInfo[] {
  return listIn(value, 'topics', 'items').map((item) => {
    const fields = object(item);
    const partitions = fields.partitions;
    const parts = list(partitions).map(object);
    return {
      name: text(item) || text(fields.name),
      kind: optionalText(fields.kind ?? fields.mode),
      partitions: Array.isArray(partitions) ? partitions.length : number(partitions ?? fields.partitionCount, 1),
      records: optionalNumber(fields.records ?? fields.recordCount) ?? recordsOf(parts),
      bytes: optionalNumber(fields.bytes ?? fields.sizeBytes) ?? sumOf(parts, 'bytes'),
      retention: retentionOf(fields),
      writtenBy: optionalText(fields.writtenBy),
      sampleEvent: optionalText(fields.sampleEvent),
      readBy: list(fields.readBy).map((name) => text(name)),
    };
  });
}

function recordsOf(partitions: readonly JsonObject[]): number | undefined {
  let sum: number | undefined;
  for (const partition of partitions) {
    const end = optionalNumber(partition.highWatermark ?? partition.endOffset ?? partition.end);
    const start = number(partition.startOffset ?? partition.logStartOffset ?? partition.start);
    if (end !== undefined) sum = (sum ?? 0) + end - start;
  }
  return sum;
}

function sumOf(partitions: readonly JsonObject[], name: string): number | undefined {
  const values = partitions.map((partition) => optionalNumber(partition[name])).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

const HOUR_MS = 3_600_000;

function retentionOf(fields: JsonObject): string | undefined {
  const settings = { ...object(fields.config), ...object(fields.retention), ...fields };
  const time = optionalNumber(settings.retentionMs);
  const parts: string[] = [];
  if (time !== undefined && time > 0)
    parts.push(time >= 48 * HOUR_MS ? `${Math.round(time / HOUR_MS / 24)} days` : `${Math.round(time / HOUR_MS)} h`);
  const bytes = optionalNumber(settings.retentionBytes);
  if (bytes !== undefined && bytes > 0) parts.push(`${(bytes / 1e9).toPrecision(3)} GB`);
  return parts.length > 0 ? parts.join(' or ') : optionalText(fields.retention);
}

export function decodeAlert(value: unknown): Alert {
  const fields = object(value);
  const state = text(fields.state);
  const severity = text(fields.severity);
  const known: AlertState = state === 'firing' || state === 'pending' ? state : 'resolved';
  return {
    id: text(fields.id),
    rule: text(fields.rule),
    view: text(fields.view),
    state: known,
    severity: severity === 'info' || severity === 'critical' ? severity : 'warning',
    summary: text(fields.summary),
    keys: object(fields.keys),
    row: object(fields.row),
    pendingSince: instant(fields.pendingSince),
    firingSince: instant(fields.firingSince),
    resolvedAt: instant(fields.resolvedAt),
  };
}

export function decodeAlerts(value: unknown): readonly Alert[] {
  return listIn(value, 'alerts', 'items').map(decodeAlert);
}

export function decodeDeadLetters(value: unknown): readonly DeadLetter[] {
  return listIn(value, 'deadLetters', 'items', 'records').map((item) => {
    const outer = object(item);
    // Either the dead letter itself, or a record whose value it is.
    const fields = {
      ...outer,
      ...object(outer.deadLetter ?? (typeof outer.value === 'object' ? outer.value : {})),
    };
    const topic = text(fields.topic, '?');
    const partition = optionalNumber(fields.partition);
    const offset = optionalNumber(fields.offset);
    return {
      id:
        text(outer.id) ||
        `${topic}/${text(fields.receivedAt)}/${partition}/${offset}/${text(fields.value) || text(fields.base64)}`,
      topic,
      reason: text(fields.reason, 'unknown'),
      pointer: typeof fields.pointer === 'string' ? fields.pointer : undefined,
      message: text(fields.message),
      pipeline: optionalText(fields.pipeline),
      operator: optionalText(fields.operator),
      receivedAt: instant(fields.receivedAt),
      origin: partition === undefined || offset === undefined ? undefined : `${topic}-${partition}@${offset}`,
      bytes: bytesOf(fields),
    };
  });
}

function bytesOf(fields: JsonObject): Uint8Array {
  const base64 = optionalText(fields.base64);
  if (base64 === undefined) return new TextEncoder().encode(text(fields.value));
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    return new TextEncoder().encode(base64);
  }
}

export function decodeQueryResult(value: unknown): QueryResult {
  const fields = object(value);
  const columns = decodeColumns(fields.columns);
  return {
    columns,
    rows: list(fields.rows).map((row) =>
      Array.isArray(row) ? row : columns.map((column) => object(row)[column.name]),
    ),
    freshness: decodeFreshness(fields.freshness),
    elapsedMs: optionalNumber(fields.elapsedMs),
    truncated: fields.truncated === true,
  };
}

const OPS = new Set(['snapshot', 'upsert', 'delete', 'append', 'caught-up']);

export function decodeFrame(value: unknown): LiveFrame | undefined {
  const fields = object(value);
  const op = text(fields.op);
  if (!OPS.has(op)) return undefined;
  return {
    op: op as LiveFrame['op'],
    key: fields.key === null || fields.key === undefined ? null : text(fields.key, JSON.stringify(fields.key)),
    row: fields.row === null || fields.row === undefined ? null : object(fields.row),
    offset: text(fields.offset),
  };
}
