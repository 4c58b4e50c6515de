/** A client that is made when it is needed first, and again when that failed. */
export class LazyClient<Client extends { close(): Promise<void> }> {
  readonly #open: () => Promise<Client>;
  #client: Promise<Client> | undefined;
  #closed = false;

  constructor(open: () => Promise<Client>) {
    this.#open = open;
  }

  get(): Promise<Client> {
    if (this.#closed) return Promise.reject(new Error('the look-up is closed'));
    if (this.#client !== undefined) return this.#client;
    const client = this.#open();
    this.#client = client;
    client.catch(() => {
      this.#client = undefined;
    });
    return client;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = await this.#client?.catch(() => undefined);
    await client?.close();
  }
}
