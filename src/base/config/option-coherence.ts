import { HeadraceError } from '../error.ts';
import { byteText } from './option.ts';
import type { Options } from './options.ts';

/**
 * What each option alone cannot know: that it fits the others.
 * @throws HeadraceError `CONFIG_VALUE_INVALID`
 */
export function assertCoherent(
  options: Pick<Options, 'httpTlsCert' | 'httpTlsKey' | 'httpBodyBytesMax' | 'httpInFlightBytesMax'>,
): void {
  const { httpTlsCert, httpTlsKey, httpBodyBytesMax, httpInFlightBytesMax } = options;
  if ((httpTlsCert === undefined) !== (httpTlsKey === undefined)) {
    const [set, missing] = httpTlsKey === undefined ? ['cert', 'key'] : ['key', 'cert'];
    throw incoherent(`http.tls.${set} is set and http.tls.${missing} is not`, `set http.tls.${missing} too`);
  }
  if (httpInFlightBytesMax < httpBodyBytesMax) {
    throw incoherent(
      `http.in_flight_bytes_max (${byteText(httpInFlightBytesMax)}) is less than http.body_bytes_max (${byteText(httpBodyBytesMax)}), so the largest bodies would never be taken`,
      'raise the one or lower the other',
    );
  }
}

function incoherent(why: string, next: string): HeadraceError {
  return new HeadraceError(`reading the options: ${why}`, { code: 'CONFIG_VALUE_INVALID', domain: 'config', next });
}
