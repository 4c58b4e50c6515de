import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './icon.tsx';
import { Scroll } from './scroll.tsx';

const COPIED_MS = 2000;

/** A command to run in a terminal, with a button that copies it. */
export function Command({ text, label }: { readonly text: string; readonly label: string }) {
  const [state, setState] = useState<'ready' | 'copied' | 'failed'>('ready');
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = () => {
    const show = (next: 'copied' | 'failed') => {
      setState(next);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => setState('ready'), COPIED_MS);
    };
    // Without a secure context there is no clipboard.
    if (navigator.clipboard === undefined) show('failed');
    else
      navigator.clipboard.writeText(text).then(
        () => show('copied'),
        () => show('failed'),
      );
  };
  return (
    <div class="command">
      <Scroll class="command-text" label={label}>
        <pre>
          <code>{text}</code>
        </pre>
      </Scroll>
      <button type="button" class="button" onClick={copy} aria-label={`Copy: ${label}`}>
        <Icon name="copy" />
        <span aria-live="polite">{state === 'ready' ? 'Copy' : state === 'copied' ? 'Copied' : 'Select it'}</span>
      </button>
    </div>
  );
}
