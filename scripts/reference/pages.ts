import { cliPage } from './cli-page.ts';
import { errorsPage } from './errors-page.ts';
import { limitsPage } from './limits-page.ts';
import { metricsPage } from './metrics-page.ts';
import { optionsPage } from './options-page.ts';
import { registeredMetrics } from './registered-metrics.ts';
import { restPage } from './rest-page.ts';
import { sqlFunctionsPage } from './sql-functions-page.ts';

/** The pages of docs/reference that are made from the declarations, by file name. */
export const REFERENCE_PAGES: Readonly<Record<string, () => string | Promise<string>>> = {
  'options.md': optionsPage,
  'metrics.md': async () => metricsPage(await registeredMetrics()),
  'errors.md': errorsPage,
  'sql-functions.md': sqlFunctionsPage,
  'rest.md': restPage,
  'cli.md': cliPage,
  'limits.md': () => limitsPage(),
};
