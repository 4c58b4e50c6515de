import { describe, expect, it } from 'vitest';
import { openApiDocument } from './openapi.ts';
import { Router } from './router.ts';
import { routes } from './routes/index.ts';

describe('the routes', () => {
  const document = openApiDocument(routes, '0.1.0');
  const paths = document.paths as Record<string, Record<string, Record<string, unknown>>>;

  it('are all in the OpenAPI document', () => {
    expect(Object.keys(paths).sort()).toMatchInlineSnapshot(`
      [
        "/api/v2/alerts",
        "/api/v2/apply",
        "/api/v2/dead-letters",
        "/api/v2/ingest",
        "/api/v2/ingest/{topic}",
        "/api/v2/metrics",
        "/api/v2/openapi.json",
        "/api/v2/pipelines",
        "/api/v2/pipelines/{name}",
        "/api/v2/pipelines/{name}/abandon",
        "/api/v2/pipelines/{name}/pause",
        "/api/v2/pipelines/{name}/replay",
        "/api/v2/pipelines/{name}/restart",
        "/api/v2/pipelines/{name}/resume",
        "/api/v2/pipelines/{name}/state",
        "/api/v2/plan",
        "/api/v2/query",
        "/api/v2/stream/{id}",
        "/api/v2/tables",
        "/api/v2/tables/{name}",
        "/api/v2/topics",
        "/api/v2/topics/{name}",
        "/api/v2/topics/{name}/records",
        "/health/live",
        "/health/ready",
        "/ingest",
        "/metrics",
      ]
    `);
  });

  it('have names that no other has', () => {
    const names = Object.values(paths).flatMap((operations) => Object.values(operations).map((o) => o.operationId));
    expect(new Set(names).size).toBe(names.length);
  });

  it('declare every parameter of their path, and only those', () => {
    for (const route of routes) {
      const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const declared = Object.entries(route.parameters).filter(([, spec]) => spec.in === 'path');
      expect(declared.map(([name]) => name)).toEqual(inPath);
    }
  });

  it('describe every answer', () => {
    for (const operations of Object.values(paths)) {
      for (const operation of Object.values(operations)) {
        expect(operation.summary).toEqual(expect.any(String));
        expect(operation.responses).toHaveProperty('default');
      }
    }
  });

  it('are found by the router', () => {
    const router = new Router(routes);
    for (const route of routes) {
      const path = route.path.replace(/\{\w+\}/g, 'a%20b');
      expect(router.match(route.method, path)?.route).toBe(route);
    }
    expect(router.match('GET', '/api/v2/topics/a%20b')?.path).toEqual({ name: 'a b' });
    expect(router.match('GET', '/api/v2/topics/')).toBeUndefined();
    expect(() => router.match('GET', '/api/v2/topics/%zz')).toThrow('percent-encoding');
  });
});
