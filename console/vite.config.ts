import preact from '@preact/preset-vite';
import { defineConfig, type Plugin } from 'vite';
import { MockApi } from './mock/api.ts';

/** Where `npm run dev` sends API requests: a running Headrace when HEADRACE_URL is set, the test double otherwise. */
const target = process.env.HEADRACE_URL;

function mockApi(): Plugin {
  return {
    name: 'headrace-mock-api',
    apply: 'serve',
    configureServer(server) {
      const api = new MockApi({ scenario: 'busy' });
      server.middlewares.use((request, response, next) => {
        if (!api.handle(request, response)) next();
      });
      server.httpServer?.on('close', () => api.close());
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [preact({ reactAliasesEnabled: false }), ...(target === undefined ? [mockApi()] : [])],
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    target: 'es2022',
    // Inlined assets would be `data:` addresses, which the content security policy of the server refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { ...(target === undefined ? {} : { proxy: { '/api': { target, changeOrigin: true } } }) },
});
