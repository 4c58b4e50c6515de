import { useEffect, useRef, useState } from 'preact/hooks';
import { hashOf, PAGES } from '../state/route.ts';
import { toggleTheme } from '../state/theme.ts';

const SWITCH_KEY = 'headrace.shortcuts';
/** How long `g` waits for the letter of the page. */
const CHORD_MS = 1500;

function storedSwitch(): boolean {
  try {
    return localStorage.getItem(SWITCH_KEY) !== 'off';
  } catch {
    return true;
  }
}

/** Single-key shortcuts, and the dialog that lists them and can switch them off (WCAG 2.1.4). */
export function Shortcuts({ open, onOpen }: { readonly open: boolean; readonly onOpen: (open: boolean) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [enabled, setEnabled] = useState(storedSwitch);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  useEffect(() => {
    if (!enabled) return;
    let chordUntil = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || typesText(event.target)) return;
      const page = Date.now() < chordUntil ? PAGES.find((info) => info.key === event.key) : undefined;
      chordUntil = event.key === 'g' ? Date.now() + CHORD_MS : 0;
      if (page !== undefined) location.hash = hashOf(page.name);
      else if (event.key === '?') onOpen(true);
      else if (event.key === 'l') toggleTheme();
      else if (event.key === '/') document.querySelector<HTMLElement>('main [data-search]')?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [enabled, onOpen]);
  const toggle = (on: boolean) => {
    setEnabled(on);
    try {
      localStorage.setItem(SWITCH_KEY, on ? 'on' : 'off');
    } catch {
      // Storage is switched off: the choice holds until the page is closed.
    }
  };
  return (
    <dialog ref={dialog} onClose={() => onOpen(false)} aria-labelledby="shortcuts-title">
      <h2 id="shortcuts-title">Shortcuts</h2>
      <dl class="keys">
        {PAGES.map((page) => (
          <Key key={page.key} keys={['g', page.key]} text={page.title} />
        ))}
        <Key keys={['/']} text="Filter or SQL box of the page" />
        <Key keys={['Ctrl', 'Enter']} text="Run the query" />
        <Key keys={['l']} text="Light or dark" />
        <Key keys={['?']} text="This list" />
      </dl>
      <p>
        <label>
          <input type="checkbox" checked={enabled} onChange={(event) => toggle(event.currentTarget.checked)} />{' '}
          Shortcuts of a single key
        </label>
      </p>
      <button type="button" class="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}

function Key({ keys, text }: { readonly keys: readonly string[]; readonly text: string }) {
  return (
    <>
      <dt>
        {keys.map((key) => (
          <span key={key}>
            <kbd>{key}</kbd>{' '}
          </span>
        ))}
      </dt>
      <dd>{text}</dd>
    </>
  );
}

function typesText(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.matches('textarea, select, input:not([type=radio], [type=checkbox])') || target.isContentEditable)
  );
}
