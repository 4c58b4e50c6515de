import type { SourceConnector } from '../connector/connector.ts';
import type { Parts } from './http-services.ts';
import type { Project } from './project.ts';

/** The connectors that a project declares, not yet started, by name. */
export function openConnectors(_project: Project, _parts: Parts): ReadonlyMap<string, SourceConnector> {
  return new Map();
}
