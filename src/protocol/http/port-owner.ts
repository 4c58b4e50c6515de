import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { httpError } from './problem.ts';

/** State of a listening socket in /proc/net/tcp (proc(5)). */
const LISTEN = '0A';

/** The error for a port that somebody else has: by whom, if it can be found out, and the flag that moves us. */
export function portTaken(host: string, port: number, cause: unknown) {
  const owner = portOwner(port);
  const whom = owner === undefined ? 'another process' : `process ${owner.pid} (${owner.command})`;
  return httpError(
    'HTTP_PORT_TAKEN',
    `listening on ${host}:${port}: ${whom} has the port`,
    `stop it, or choose another port with --http-port ${port + 1}`,
    cause,
  );
}

/** Who listens on a TCP port; undefined where the system does not tell. */
export function portOwner(port: number): { readonly pid: number; readonly command: string } | undefined {
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return undefined;
  for (const pid of listOf('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of listOf(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined && inodes.has(inode)) return { pid: Number(pid), command: commandOf(pid) };
    }
  }
  return undefined;
}

function listeningInodes(port: number): ReadonlySet<string> {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of textOf(table).split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(`:${wanted}`) && fields[3] === LISTEN && fields[9] !== undefined) inodes.add(fields[9]);
    }
  }
  return inodes;
}

/** The command line as `ps` would show it, cut to what a message bears. */
function commandOf(pid: string): string {
  const words = textOf(`/proc/${pid}/cmdline`)
    .split('\0')
    .filter((word) => word !== '');
  const line = words.length > 0 ? words.join(' ') : textOf(`/proc/${pid}/comm`).trim();
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function listOf(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
