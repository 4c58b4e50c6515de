import * as limit from './limit.ts';

/** Key and certificate chain, PEM. TLS 1.3 only. */
export interface TlsMaterial {
  readonly key: string;
  readonly cert: string;
}

/** The limits that an operator may move; each defaults to its constant in limit.ts. */
export interface DoorLimits {
  readonly bodyBytesMax: number;
  readonly inFlightBytesMax: number;
  readonly streamsMax: number;
  readonly connectionsMax: number;
  readonly heartbeatMs: number;
  readonly slowClientMs: number;
}

export interface HttpDoorOptions {
  readonly host: string;
  /** 0 takes any free port (tests). */
  readonly port: number;
  /** Host names, beyond loopback's, under which the door may be asked. */
  readonly allowedHosts?: readonly string[];
  /** Origins of pages elsewhere that may ask from a browser. */
  readonly allowedOrigins?: readonly string[];
  readonly tls?: TlsMaterial;
  /** Whether tokens are configured; beyond loopback the door opens only with them and with TLS. */
  readonly authConfigured: boolean;
  /** Folder of the console's files; without it `/` says where the API is. */
  readonly consoleDir?: string;
  readonly limits?: Partial<DoorLimits>;
}

export function doorLimits(given: Partial<DoorLimits> = {}): DoorLimits {
  return {
    bodyBytesMax: limit.BODY_BYTES_MAX,
    inFlightBytesMax: limit.IN_FLIGHT_BYTES_MAX,
    streamsMax: limit.STREAMS_MAX,
    connectionsMax: limit.CONNECTIONS_MAX,
    heartbeatMs: limit.HEARTBEAT_MS,
    slowClientMs: limit.SLOW_CLIENT_MS,
    ...given,
  };
}
