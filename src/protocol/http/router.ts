import { nearestName } from '../../base/nearest-name.ts';
import { httpError } from './problem.ts';
import type { Route } from './route.ts';

export interface RouteMatch {
  readonly route: Route;
  /** Decoded path parameters. */
  readonly path: Readonly<Record<string, string>>;
}

interface Pattern {
  readonly segments: readonly string[];
  readonly route: Route;
}

const NO_PARAMETERS: Readonly<Record<string, string>> = Object.freeze({});

/** Finds the route of a request: fixed paths by one look-up, the others segment by segment. */
export class Router {
  readonly #fixed = new Map<string, RouteMatch>();
  readonly #patterns: Pattern[] = [];
  readonly #paths: string[] = [];

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      for (const path of [route.path, ...(route.aliases ?? [])]) {
        this.#paths.push(path);
        if (path.includes('{')) this.#patterns.push({ segments: path.split('/'), route });
        else this.#fixed.set(`${route.method} ${path}`, { route, path: NO_PARAMETERS });
      }
    }
  }

  /** HEAD is answered by the GET route. Undefined when no route has this path at all. */
  match(method: string, path: string): RouteMatch | undefined {
    const wanted = method === 'HEAD' ? 'GET' : method;
    const fixed = this.#fixed.get(`${wanted} ${path}`);
    if (fixed !== undefined) return fixed;
    const segments = path.split('/');
    for (const pattern of this.#patterns) {
      if (pattern.route.method !== wanted) continue;
      const parameters = matchSegments(pattern.segments, segments);
      if (parameters !== undefined) return { route: pattern.route, path: parameters };
    }
    return undefined;
  }

  /** Methods that this path answers to; empty when it is unknown. */
  methods(path: string): readonly string[] {
    return ['GET', 'POST', 'DELETE'].filter((method) => this.match(method, path) !== undefined);
  }

  /** The path that was probably meant. */
  nearestPath(path: string): string | undefined {
    return nearestName(path, this.#paths);
  }
}

function matchSegments(pattern: readonly string[], path: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== path.length) return undefined;
  const parameters: Record<string, string> = {};
  for (let i = 0; i < pattern.length; i++) {
    const wanted = pattern[i]!;
    const given = path[i]!;
    if (!wanted.startsWith('{')) {
      if (wanted !== given) return undefined;
      continue;
    }
    if (given === '') return undefined;
    parameters[wanted.slice(1, -1)] = decodeSegment(given);
  }
  return parameters;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw httpError(
      'HTTP_PATH_INVALID',
      `reading the path: "${segment}" is not valid percent-encoding`,
      'encode it as UTF-8',
    );
  }
}
