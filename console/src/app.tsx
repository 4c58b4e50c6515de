import type { ComponentType } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Connection } from './element/connection.tsx';
import { Icon } from './element/icon.tsx';
import { Rail } from './element/rail.tsx';
import { Shortcuts } from './element/shortcuts.tsx';
import { AlertsPage } from './page/alerts.tsx';
import { DeadLettersPage } from './page/dead-letters.tsx';
import { OverviewPage } from './page/overview.tsx';
import { PipelinePage } from './page/pipeline.tsx';
import { SqlPage } from './page/sql.tsx';
import { TablesPage } from './page/tables.tsx';
import { TopicsPage } from './page/topics.tsx';
import type { Console, PageProps } from './state/console.ts';
import { PAGES, type PageName } from './state/route.ts';
import { useStore } from './state/store.ts';
import { theme, toggleTheme } from './state/theme.ts';

const COMPONENTS: Readonly<Record<PageName, ComponentType<PageProps>>> = {
  overview: OverviewPage,
  pipeline: PipelinePage,
  tables: TablesPage,
  sql: SqlPage,
  alerts: AlertsPage,
  'dead-letters': DeadLettersPage,
  topics: TopicsPage,
};

export function App({ console }: { readonly console: Console }) {
  const route = useStore(console.route);
  const shownTheme = useStore(theme);
  const [helpOpen, setHelpOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const title = PAGES.find((page) => page.name === route.page)?.title ?? 'Overview';
  const first = useRef(true);

  // A new page: its title, and the keyboard at its start, as after a real navigation.
  // Once for each page.
  useEffect(() => {
    document.title = `${title} · Headrace`;
    if (!first.current) {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    first.current = false;
  }, [route.page]);

  const Page = COMPONENTS[route.page];
  const otherTheme = shownTheme === 'dark' ? 'light' : 'dark';
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the page
      </button>
      <div class="shell">
        <Rail monitor={console.monitor} page={route.page} />
        <div class="main">
          <section class="bar" aria-label="Connection and display">
            <Connection monitor={console.monitor} client={console.client} />
            <button type="button" class="button quiet" onClick={() => setHelpOpen(true)}>
              Shortcuts <kbd>?</kbd>
            </button>
            <button type="button" class="button quiet" onClick={toggleTheme}>
              <Icon name={otherTheme === 'dark' ? 'moon' : 'sun'} />
              {otherTheme === 'dark' ? 'Dark' : 'Light'}
            </button>
          </section>
          <main class="page" id="main" ref={main} tabIndex={-1} aria-label={title}>
            <Page console={console} item={route.item} />
          </main>
        </div>
      </div>
      <Shortcuts open={helpOpen} onOpen={setHelpOpen} />
    </>
  );
}
