import { render } from 'preact';
import { ApiClient } from './api/client.ts';
import { App } from './app.tsx';
import { Monitor } from './state/monitor.ts';
import { createRoute } from './state/route.ts';
import './style/token.css';
import './style/shell.css';
import './style/element.css';
import './style/page.css';

const client = new ApiClient(location.origin);
const monitor = new Monitor(client);
const root = document.getElementById('console');
if (root !== null) render(<App console={{ client, monitor, route: createRoute() }} />, root);
monitor.start();
