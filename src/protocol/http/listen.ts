import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../../base/error.ts';
import { portTaken } from './port-owner.ts';
import { httpError } from './problem.ts';

/**
 * Binds the server; resolves with the port it has.
 * @throws HeadraceError `HTTP_PORT_TAKEN` with who has it and the flag that moves us, `HTTP_LISTEN`
 */
export function listenOn(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(listenError(host, port, error));
    server.once('error', failed);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', failed);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function listenError(host: string, port: number, error: NodeJS.ErrnoException) {
  if (error.code === 'EADDRINUSE') return portTaken(host, port, error);
  const next =
    error.code === 'EACCES'
      ? 'choose a port above 1023 with --http-port'
      : error.code === 'EADDRNOTAVAIL'
        ? 'choose an address of this machine with --http-host'
        : 'choose another address with --http-host or --http-port';
  return httpError('HTTP_LISTEN', `listening on ${host}:${port}: ${messageOf(error)}`, next, error);
}

/** The address as a URL that a person can open. */
export function urlOf(secure: boolean, host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `${secure ? 'https' : 'http'}://${name}:${port}`;
}
