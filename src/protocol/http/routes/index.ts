import type { Route } from '../route.ts';
import { alerts } from './alerts.ts';
import { deadLetters } from './dead-letters.ts';
import { healthLive, healthReady } from './health.ts';
import { ingestToDefault, ingestToTopic } from './ingest.ts';
import { metricsJson, metricsText } from './metrics.ts';
import { openApi } from './openapi.ts';
import {
  abandonBuild,
  applyProject,
  dropPipeline,
  pausePipeline,
  planProject,
  replayPipeline,
  restartPipeline,
  resumePipeline,
} from './pipeline-changes.ts';
import { describePipelineState } from './pipeline-state.ts';
import { describePipeline, listPipelines } from './pipelines.ts';
import { query } from './query.ts';
import { liveStream } from './stream.ts';
import { listTables, readTable } from './tables.ts';
import { createTopic, deleteTopic, describeTopic, listTopics, topicRecords } from './topics.ts';

/** Every route of the HTTP door, in the order of the document. */
export const routes: readonly Route[] = [
  ingestToDefault,
  ingestToTopic,
  liveStream,
  query,
  listTables,
  readTable,
  listPipelines,
  describePipeline,
  planProject,
  applyProject,
  pausePipeline,
  resumePipeline,
  restartPipeline,
  replayPipeline,
  abandonBuild,
  dropPipeline,
  describePipelineState,
  listTopics,
  createTopic,
  describeTopic,
  deleteTopic,
  topicRecords,
  deadLetters,
  alerts,
  metricsJson,
  metricsText,
  healthLive,
  healthReady,
  openApi,
];
