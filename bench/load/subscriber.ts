import { type ClientRequest, get } from 'node:http';
import { WebSocket } from 'ws';

export interface Subscriber {
  readonly via: 'websocket' | 'sse';
  close(): void;
}

export interface SubscriberOptions {
  readonly port: number;
  readonly stream: string;
  readonly via: Subscriber['via'];
  /** Whole frames, one or more, as text. */
  readonly onText: (text: string) => void;
}

/** Follows a live stream from now on. */
export function openSubscriber(options: SubscriberOptions): Promise<Subscriber> {
  return options.via === 'websocket' ? overWebSocket(options) : overEvents(options);
}

async function overWebSocket({ port, stream, onText }: SubscriberOptions): Promise<Subscriber> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/api/v2/stream/${stream}?snapshot=false`);
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('message', (data) => onText(data.toString()));
  return { via: 'websocket', close: () => socket.close() };
}

function overEvents({ port, stream, onText }: SubscriberOptions): Promise<Subscriber> {
  const headers = { accept: 'text/event-stream' };
  return new Promise((resolve, reject) => {
    const path = `/api/v2/stream/${stream}?snapshot=false`;
    const request: ClientRequest = get({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      if (response.statusCode !== 200) {
        reject(new Error(`following ${stream}: ${response.statusCode}`));
        return;
      }
      let rest = '';
      response.setEncoding('utf8');
      response.on('error', () => {});
      response.on('data', (chunk: string) => {
        const text = rest + chunk;
        const end = text.lastIndexOf('\n\n');
        rest = text.slice(end + 1);
        if (end >= 0) onText(text.slice(0, end));
      });
      resolve({ via: 'sse', close: () => request.destroy() });
    });
    request.on('error', reject);
  });
}
