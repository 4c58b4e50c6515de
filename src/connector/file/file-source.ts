import { resolve } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { readSection } from '../../base/config/option-set.ts';
import type { YamlSection } from '../../base/config/yaml-section.ts';
import { HeadraceError } from '../../base/error.ts';
import type { Ingest } from '../../ingest/ingest.ts';
import type { Log } from '../../log/log.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { SourceConnector } from '../connector.ts';
import { SourceLoop } from '../source-loop.ts';
import { BoundedRead } from './bounded-read.ts';
import { FILE_SOURCE_OPTIONS, type FileSourceOptions } from './file-source-options.ts';
import { PositionLedger } from './position.ts';
import { Replay } from './replay.ts';
import { openSourceFile, type SourceFile } from './source-file.ts';

export interface FileSourceParts {
  readonly log: Pick<Log, 'ledgerGet'>;
  readonly ingest: Ingest;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws HeadraceError of domain `config` with line and column, `CONNECTOR_OPTION_MISSING` */
export function readFileSourceOptions(name: string, section: YamlSection): FileSourceOptions {
  const options = readSection(FILE_SOURCE_OPTIONS, section);
  for (const needed of ['topic', 'path'] as const) {
    if (options[needed] !== '') continue;
    throw new HeadraceError(`reading connector "${name}": "${needed}" is missing`, {
      code: 'CONNECTOR_OPTION_MISSING',
      domain: 'connector',
      next: `set it (${FILE_SOURCE_OPTIONS[needed].help})`,
    });
  }
  return options;
}

/**
 * A source that reads a file, exactly once: its position is committed with its records.
 * @param baseDir folder that a relative `path` is taken from
 * @throws HeadraceError `CONNECTOR_FILE_UNREADABLE`, `CONNECTOR_FILE_TOO_LARGE`, `CONNECTOR_FILE_EMPTY`
 */
export function createFileSource(
  name: string,
  options: FileSourceOptions,
  baseDir: string,
  parts: FileSourceParts,
  open: (path: string) => SourceFile = openSourceFile,
): SourceConnector {
  const { log, ingest, clock, logger } = parts;
  const file = open(resolve(baseDir, options.path));
  const identity = `file:${options.mode}:${options.format}:${options.topic}:${options.path}`;
  const reading =
    options.mode === 'bounded'
      ? new BoundedRead(file, options, ingest, new PositionLedger(log, name, identity))
      : new Replay(file, options, ingest, clock, new PositionLedger(log, name, identity));
  return new SourceLoop({ name, clock, logger, step: () => reading.step(), close: () => file.close() });
}
