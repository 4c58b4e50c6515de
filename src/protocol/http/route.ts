import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Action, Principal, Resource } from '../../security/principal.ts';
import type { LiveSink } from './live-pump.ts';
import type { DoorLimits } from './options.ts';
import type { ParameterSpecs, ParameterValues } from './parameter.ts';
import type { Reply } from './reply.ts';
import type { HeldBody } from './request-body.ts';
import type { HttpServices } from './services.ts';
import type { SystemHistory } from './system-history.ts';

/** A JSON Schema (draft 2020-12), as OpenAPI 3.1 uses it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export type HttpMethod = 'GET' | 'POST' | 'DELETE';

export interface BodyDeclaration {
  readonly description: string;
  /** By media type. */
  readonly contents: Readonly<Record<string, JsonSchema>>;
}

export interface ResponseDeclaration {
  readonly description: string;
  readonly contents?: Readonly<Record<string, JsonSchema>>;
}

/** What a handler sees of its request. */
export interface Exchange<Values = Readonly<Record<string, unknown>>> {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly parameters: Values;
  readonly principal: Principal;
  readonly services: HttpServices;
  readonly limits: DoorLimits;
  readonly history: SystemHistory;
  /** All routes of the door, for the document that describes them. */
  readonly routes: readonly Route[];
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
  /** The body within its limit, decompressed; the door releases it when the handler is done. */
  body(): Promise<HeldBody>;
  /** Answers with a live stream: server-sent events, or WebSocket when the client asked for an upgrade. */
  readonly openSink: () => LiveSink | Promise<LiveSink>;
  /** The body as JSON. @throws HeadraceError `HTTP_BODY_INVALID`, `HTTP_MEDIA_TYPE` */
  json(): Promise<unknown>;
}

/** Who may: `public` (health only), or an action on a resource that follows from the parameters. */
export type Access<Values> =
  | 'public'
  | { readonly action: Action; readonly resource: (parameters: Values, services: HttpServices) => Resource };

/** One route: what the router, the authorization and the OpenAPI document are made from. */
export interface RouteDeclaration<Specs extends ParameterSpecs> {
  readonly method: HttpMethod;
  /** `/api/v2/topics/{name}`; a part in braces takes one path segment. */
  readonly path: string;
  /** Other paths that do the same. */
  readonly aliases?: readonly string[];
  /** Stable name of the operation, for generated clients. */
  readonly operation: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters: Specs;
  readonly body?: BodyDeclaration;
  readonly responses: Readonly<Record<number, ResponseDeclaration>>;
  readonly access: Access<ParameterValues<Specs>>;
  /** Undefined when the handler has answered by itself (live streams). */
  readonly handle: (exchange: Exchange<ParameterValues<Specs>>) => Promise<Reply | undefined> | Reply | undefined;
  /** For routes that a WebSocket upgrade may take. */
  readonly upgradable?: boolean;
}

/** A declaration whose parameter types have been forgotten, for lists. */
export type Route = RouteDeclaration<ParameterSpecs>;

export function defineRoute<const Specs extends ParameterSpecs>(declaration: RouteDeclaration<Specs>): Route {
  // Sound: the router parses the values of a route by that route's own specs before it calls it.
  return Object.freeze(declaration) as unknown as Route;
}
