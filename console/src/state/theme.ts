import { Store } from './store.ts';

export type Theme = 'light' | 'dark';
const THEME_KEY = 'headrace.theme';

const dark = matchMedia('(prefers-color-scheme: dark)');

function current(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return chosen === 'light' || chosen === 'dark' ? chosen : dark.matches ? 'dark' : 'light';
}

/** What is shown: the choice of the user, else of the system (public/theme.js sets the choice before the first paint). */
export const theme = new Store<Theme>(current());
dark.addEventListener('change', () => theme.set(current()));

export function toggleTheme(): void {
  const next: Theme = current() === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem(THEME_KEY, next);
  } catch {
    // Storage is switched off: the choice holds until the page is closed.
  }
  theme.set(next);
}
