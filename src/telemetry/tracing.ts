import type { Attributes, Span as OpenTelemetrySpan } from '@opentelemetry/api';

/** One timed piece of work. */
export interface Span {
  set(name: string, value: string | number | boolean): void;
  fail(error: unknown): void;
}

/**
 * The seam to OpenTelemetry: code that is worth a span calls `span` and knows nothing of exporters. Without a tracer
 * provider installed by the user, {@link noTracing} runs the work directly and costs one call.
 */
export interface Tracing {
  /** Runs `work` in a span; an error or a rejected promise marks the span as failed and passes through. */
  span<T>(name: string, attributes: Attributes, work: (span: Span) => T): T;
}

const silentSpan: Span = { set() {}, fail() {} };

export const noTracing: Tracing = {
  span: (_name, _attributes, work) => work(silentSpan),
};

/** Spans through whatever provider was registered with `@opentelemetry/api`; the package is loaded only here. */
export async function openTelemetryTracing(version: string): Promise<Tracing> {
  const { SpanStatusCode, trace } = await import('@opentelemetry/api');
  const tracer = trace.getTracer('headrace', version);
  const spanOf = (span: OpenTelemetrySpan): Span => ({
    set: (name, value) => void span.setAttribute(name, value),
    fail(error) {
      span.recordException(error instanceof Error ? error : String(error));
      span.setStatus({ code: SpanStatusCode.ERROR });
    },
  });
  return {
    span: (name, attributes, work) =>
      tracer.startActiveSpan(name, { attributes }, (raw) => runInSpan(spanOf(raw), () => raw.end(), work)),
  };
}

/** Ends the span when the work ends, be it now or when its promise settles. */
function runInSpan<T>(span: Span, end: () => void, work: (span: Span) => T): T {
  let result: T;
  try {
    result = work(span);
  } catch (error) {
    span.fail(error);
    end();
    throw error;
  }
  if (!(result instanceof Promise)) {
    end();
    return result;
  }
  return result
    .catch((error: unknown) => {
      span.fail(error);
      throw error;
    })
    .finally(end) as T;
}

/** The parts of a W3C `traceparent` header (Trace Context, section 3.2), or undefined when it is not one. */
export function parseTraceparent(
  header: string | undefined,
): { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header ?? '');
  if (match === null || match[1] === 'ff' || (match[1] === '00' && match[5] !== undefined)) return undefined;
  const [, , traceId, spanId, flags] = match as unknown as [string, string, string, string, string];
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
