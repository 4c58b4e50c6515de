/** The process under load, whatever is done to it, and the check at the end. */
import { type Server, type ServerOptions, startServer } from '../../bench/load/server.ts';
import { type Answers, Client, type EventCounter } from './client.ts';
import { sleep, until } from './fault.ts';
import { type Checked, checkLog, viewRows, waitIdle } from './invariant.ts';

const PROJECT = 'bench/projects/pipeline';
const EVENTS_PER_REQUEST = [1, 50, 50, 300];
const EVENTS_PER_SEED = 1e9;

export type TrialOptions = Omit<ServerOptions, 'project' | 'port'> & {
  readonly seed: number;
  /** Between two requests of a client; 0 sends as fast as it is answered. */
  readonly pauseMs?: number;
};

export interface Health {
  readonly status: number;
  readonly text: string;
}

export class Trial {
  /** What clients were answered, with how often. */
  readonly answers: Answers = new Map();
  /** The longest that it took to end by itself. */
  exitMs = 0;
  readonly #options: TrialOptions;
  readonly #clients: readonly Client[];
  #server: Server;
  #stopped = true;
  #sending: readonly Promise<void>[] = [];

  private constructor(options: TrialOptions, server: Server) {
    this.#options = options;
    this.#server = server;
    const counter: EventCounter = { next: options.seed * EVENTS_PER_SEED };
    const { seed, pauseMs = 0 } = options;
    this.#clients = EVENTS_PER_REQUEST.map(
      (eventsPerRequest, i) =>
        new Client({
          name: `s${seed}-c${i}`,
          seed: seed * 100 + i,
          eventsPerRequest,
          counter,
          answers: this.answers,
          pauseMs,
        }),
    );
  }

  static async begin(options: TrialOptions): Promise<Trial> {
    return new Trial(options, await startServer({ ...options, project: PROJECT }));
  }

  get server(): Server {
    return this.#server;
  }

  get url(): string {
    return this.#server.url;
  }

  get pid(): number {
    return this.#server.process.pid ?? 0;
  }

  get acknowledged(): number {
    return this.#clients.reduce((sum, client) => sum + client.acknowledged.length, 0);
  }

  /** How often clients were answered so. */
  answered(text: string): number {
    let count = 0;
    for (const [answer, times] of this.answers) if (answer.includes(text)) count += times;
    return count;
  }

  startLoad(): void {
    this.#stopped = false;
    const { url } = this.#server;
    this.#sending = this.#clients.map((client) => client.sendUntil(url, () => this.#stopped));
    // Whoever waits for the load is told; nobody may wait for it yet.
    for (const sending of this.#sending) sending.catch(() => {});
  }

  async stopLoad(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#sending);
  }

  /** Starts it again on the same data and port. */
  async restart(): Promise<void> {
    const { dataDir, port } = this.#server;
    this.#server = await startServer({ ...this.#options, project: PROJECT, dataDir, port });
  }

  /** Waits until so many more events were acknowledged. */
  async progress(events: number, msMax = 30_000): Promise<void> {
    const from = this.acknowledged;
    await until(
      `${events} more events to be acknowledged`,
      msMax,
      () => (this.acknowledged >= from + events ? true : undefined),
      () => `${JSON.stringify([...this.answers])}\n${this.#server.output()}`,
    );
  }

  async health(name: 'live' | 'ready'): Promise<Health> {
    const response = await fetch(`${this.url}/health/${name}`);
    return { status: response.status, text: await response.text() };
  }

  /** Waits for the process to end by itself. */
  async exit(msMax: number): Promise<number | NodeJS.Signals> {
    const from = performance.now();
    const ended = await Promise.race([this.#server.exited, sleep(msMax)]);
    this.exitMs = Math.max(this.exitMs, Math.round(performance.now() - from));
    if (ended === undefined) throw new Error(`the process did not end within ${msMax} ms:\n${this.#server.output()}`);
    return ended;
  }

  /** Sends what is owed, waits until everything is in the views, stops, and compares. The data is removed if all is well. */
  async finish(): Promise<Checked> {
    await this.stopLoad();
    const { url, dataDir } = this.#server;
    for (const client of this.#clients) await client.settle(url);
    await waitIdle(url);
    const rows = await viewRows(url);
    await this.#server.stop();
    const acknowledged = this.#clients.flatMap((client) => client.acknowledged);
    const checked = await checkLog(dataDir, acknowledged, rows);
    this.#server.removeData();
    return checked;
  }

  /** After a failure: nothing is left running; the data stays to be looked at. */
  async abandon(): Promise<void> {
    this.#stopped = true;
    this.#server.process.kill('SIGCONT');
    await this.#server.stop('SIGKILL');
    await Promise.allSettled(this.#sending);
  }
}

/** Runs a trial; whatever happens, its process is ended. */
export async function withTrial<T>(options: TrialOptions, body: (trial: Trial) => Promise<T>): Promise<T> {
  const trial = await Trial.begin(options);
  try {
    return await body(trial);
  } catch (error) {
    const { dataDir } = trial.server;
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`${text}\nthe data is in ${dataDir}; the process said:\n${trial.server.output()}`, {
      cause: error,
    });
  } finally {
    await trial.abandon();
  }
}
