import { HeadraceError } from '../base/error.ts';
import { nearestName } from '../base/nearest-name.ts';
import type { SourceConnector } from '../connector/connector.ts';
import { createFileSource, readFileSourceOptions } from '../connector/file/file-source.ts';
import type { Parts } from './http-services.ts';
import type { ConnectorDeclaration, Project } from './project.ts';

type OpenConnector = (declaration: ConnectorDeclaration, project: Project, parts: Parts) => SourceConnector;

/** The kinds that `connector:` may name. */
const CONNECTORS: ReadonlyMap<string, OpenConnector> = new Map([
  [
    'file',
    ({ name, options }, project, parts) =>
      createFileSource(name, readFileSourceOptions(name, options), project.dir, parts),
  ],
]);

/** The connectors that a project declares, not yet started, by name. @throws HeadraceError `CONFIG_CONNECTOR_UNKNOWN` */
export function openConnectors(project: Project, parts: Parts): ReadonlyMap<string, SourceConnector> {
  return new Map(
    project.connectors.map((declaration) => {
      const kind = declaration.options.at('connector');
      const open = CONNECTORS.get(kind?.text ?? '');
      if (open === undefined) throw unknownConnector(declaration.name, kind?.text);
      return [declaration.name, open(declaration, project, parts)];
    }),
  );
}

function unknownConnector(name: string, kind: string | undefined): HeadraceError {
  const near = kind === undefined ? undefined : nearestName(kind, CONNECTORS.keys());
  return new HeadraceError(
    kind === undefined
      ? `reading connector "${name}": "connector" is missing`
      : `reading connector "${name}": unknown connector "${kind}"`,
    {
      code: 'CONFIG_CONNECTOR_UNKNOWN',
      domain: 'config',
      next: near === undefined ? `use one of ${[...CONNECTORS.keys()].join(', ')}` : `did you mean "${near}"?`,
    },
  );
}
