import { aggregatesPage } from './aggregates-page.ts';
import { cliPage } from './cli-page.ts';
import { errorsPage } from './errors-page.ts';
import { limitsPage } from './limits-page.ts';
import { metricsPage } from './metrics-page.ts';
import { optionsPage } from './options-page.ts';
import { registeredMetrics } from './registered-metrics.ts';
import { restPage } from './rest-page.ts';
import { sqlFunctionsPage } from './sql-functions-page.ts';

/** The pages of docs that are made from the declarations, by their path in it. */
export const REFERENCE_PAGES: Readonly<Record<string, () => string | Promise<string>>> = {
  'reference/options.md': optionsPage,
  'reference/metrics.md': async () => metricsPage(await registeredMetrics()),
  'reference/errors.md': errorsPage,
  'sql/aggregates.md': aggregatesPage,
  'sql/functions.md': sqlFunctionsPage,
  'reference/rest.md': restPage,
  'reference/cli.md': cliPage,
  'reference/limits.md': () => limitsPage(),
};
