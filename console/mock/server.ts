import { readFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { MockApi, type MockOptions } from './api.ts';

/** As strict as the real server's: neither inline scripts nor inline styles, nothing from elsewhere. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Serves the built console and the test double of the API on one origin, as the product does. */
export class MockServer {
  readonly #api: MockApi;
  readonly #server: Server;

  private constructor(api: MockApi, server: Server) {
    this.#api = api;
    this.#server = server;
  }

  /** Port 0 takes any free one. */
  static async start(folder: string, options: MockOptions, port = 0): Promise<MockServer> {
    const api = new MockApi(options);
    const server = createServer((request, response) => {
      if (!api.handle(request, response)) void sendFile(folder, request.url ?? '/', response);
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return new MockServer(api, server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    this.#api.close();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function sendFile(folder: string, url: string, response: ServerResponse): Promise<void> {
  const path = normalize(new URL(url, 'http://localhost').pathname);
  const name = path === '/' ? 'index.html' : path;
  try {
    const body = await readFile(join(folder, name));
    response.writeHead(200, {
      'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
      'content-security-policy': CONTENT_SECURITY_POLICY,
    });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}
