import { createJsonDecoder, type JsonDecoder } from '../kernel/json-decoder.ts';
import type { JsonField, JsonType as KernelJsonType } from '../kernel/json-shape.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { TopicConfig } from '../log/log.ts';
import { JSON_TYPES, type KernelField } from '../schema/kernel-field.ts';
import { pointerOf } from '../schema/keyword.ts';
import type { TopicSchema } from '../schema/topic-schema.ts';

/** A decoder that checks a topic's rows and finds their key. */
export interface TopicDecoder {
  readonly decoder: JsonDecoder;
  readonly hasKey: boolean;
  /** What the schema asks of the value at a JSON pointer. */
  readonly fields: ReadonlyMap<string, KernelField>;
}

/** Makes decoders when they are first wanted, and anew when a topic's schema or key has changed. */
export class TopicDecoders {
  readonly #kernel: Kernel;
  readonly #known = new Map<string, { topic: TopicConfig; schema: TopicSchema | undefined; made: TopicDecoder }>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  of(topic: TopicConfig, schema: TopicSchema | undefined, depthMax: number): TopicDecoder {
    const known = this.#known.get(topic.name);
    const sameKey = known !== undefined && known.topic.keyPath?.join('\0') === topic.keyPath?.join('\0');
    if (known !== undefined && known.schema === schema && sameKey) return known.made;
    const made = createTopicDecoder(this.#kernel, topic, schema, depthMax);
    this.#known.set(topic.name, { topic, schema, made });
    return made;
  }
}

function createTopicDecoder(
  kernel: Kernel,
  topic: TopicConfig,
  schema: TopicSchema | undefined,
  depthMax: number,
): TopicDecoder {
  const keyPath = topic.keyPath ?? [];
  const keyPointer = pointerOf(keyPath);
  const fields = new Map((schema?.kernelFields ?? []).map((field) => [pointerOf(field.path), field]));
  const rootTypes = fields.get('')?.types ?? JSON_TYPES;
  const checks: JsonField[] = [];
  for (const [pointer, field] of fields) {
    if (pointer !== '' && pointer !== keyPointer) checks.push(kernelField(field, 'check'));
    else if (pointer === '' && Object.keys(field.constraint).length > 0) checks.push(kernelField(field, 'check'));
  }
  const hasKey = keyPath.length > 0;
  const anything: KernelField = { path: keyPath, types: JSON_TYPES, required: false, constraint: {} };
  const key = hasKey ? [kernelField(fields.get(keyPointer) ?? anything, 'text')] : [];
  const decoder = createJsonDecoder(kernel, [...key, ...checks], {
    depthMax,
    rootTypes: rootTypes as KernelJsonType[],
  });
  return { decoder, hasKey, fields };
}

function kernelField(field: KernelField, kind: 'check' | 'text'): JsonField {
  const { strings, ...limits } = field.constraint;
  const constraints = { ...limits, ...(strings === undefined ? {} : { enum: strings }) };
  return {
    path: field.path,
    kind,
    types: field.types,
    required: field.required,
    ...(Object.keys(constraints).length === 0 ? {} : { constraints }),
  };
}
