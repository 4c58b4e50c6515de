/** The peer of the ingest benchmark: `node:http`, nothing but reading the body and throwing it away. */
import { createServer } from 'node:http';

const ANSWER = Buffer.from('{"accepted":0}');

const server = createServer((request, response) => {
  request.on('data', () => {});
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length });
    response.end(ANSWER);
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
