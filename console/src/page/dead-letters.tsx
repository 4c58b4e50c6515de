import { useMemo, useState } from 'preact/hooks';
import type { DeadLetter } from '../api/types.ts';
import { Empty } from '../element/empty.tsx';
import { Icon } from '../element/icon.tsx';
import { Scroll } from '../element/scroll.tsx';
import { Segments } from '../element/segments.tsx';
import { DEAD_LETTERS_COMMAND, ingestCommand } from '../state/command-line.ts';
import type { PageProps } from '../state/console.ts';
import { formatBytes, formatTime, hexDump, utf8 } from '../state/format.ts';
import { usePolled } from '../state/poll.ts';

const POLL_MS = 2000;
const LETTERS_MAX = 500;
const HEX_BYTES_MAX = 4096;
const EVERY = '';

export function DeadLettersPage({ console }: PageProps) {
  const { client } = console;
  const [paused, setPaused] = useState(false);
  const [reason, setReason] = useState(EVERY);
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const read = useMemo(() => () => client.deadLetters(LETTERS_MAX), [client]);
  const polled = usePolled(read, POLL_MS, paused);
  const letters = polled.kind === 'ready' ? polled.value : [];
  const tallies = new Map<string, number>();
  for (const letter of letters) tallies.set(letter.reason, (tallies.get(letter.reason) ?? 0) + 1);
  const matching = letters.filter((letter) => reason === EVERY || letter.reason === reason);
  const letter = matching.find((one) => one.id === chosen) ?? matching[0];
  return (
    <>
      <div class="page-head">
        <div>
          <h1>Dead letters</h1>
          <p>Records that could not be processed: each with its bytes, its reason and where it came from.</p>
        </div>
        <div class="page-tools">
          <button type="button" class="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
            <Icon name={paused ? 'play' : 'pause'} />
            {paused ? 'Resume' : 'Pause'}
          </button>
        </div>
      </div>
      <div>
        <Segments
          label="Reason"
          name="reason"
          value={reason}
          onChange={setReason}
          options={[
            { value: EVERY, text: 'All', tally: String(letters.length) },
            ...[...tallies].map(([name, tally]) => ({ value: name, text: name, tally: String(tally) })),
          ]}
        />
      </div>
      {polled.kind === 'failed' && <p class="notice bad">Reading the dead letters: {polled.reason}</p>}
      {polled.kind === 'ready' && letters.length === 0 && (
        <Empty
          title="Nothing was refused"
          steps={[
            {
              text: 'To see one, send half an event to a topic of yours:',
              command: ingestCommand(location.origin, 'requests').replace(/"}'$/, "'"),
            },
            { text: 'The same list in the terminal:', command: DEAD_LETTERS_COMMAND },
          ]}
        >
          A record that is malformed, does not fit its schema, comes too late or makes a function fail lands here
          instead of being dropped.
        </Empty>
      )}
      {letter !== undefined && (
        <div class="letters">
          <LetterList letters={matching} chosen={letter.id} onChoose={setChosen} />
          <LetterDetail letter={letter} />
        </div>
      )}
    </>
  );
}

function LetterList(props: {
  readonly letters: readonly DeadLetter[];
  readonly chosen: string;
  readonly onChoose: (id: string) => void;
}) {
  return (
    <Scroll class="panel scroll" label="List of dead letters, scrollable">
      <table>
        <caption>The newest {props.letters.length}, newest first</caption>
        <thead>
          <tr>
            <th scope="col">Received</th>
            <th scope="col">Topic</th>
            <th scope="col">Reason</th>
            <th scope="col">Where</th>
            <th scope="col">Message</th>
          </tr>
        </thead>
        <tbody>
          {props.letters.map((letter) => (
            <tr key={letter.id} class={letter.id === props.chosen ? 'chosen' : ''}>
              <td>
                <button
                  type="button"
                  aria-pressed={letter.id === props.chosen}
                  onClick={() => props.onChoose(letter.id)}
                >
                  {formatTime(letter.receivedAt)}
                </button>
              </td>
              <td>{letter.topic}</td>
              <td>
                <span class="badge warn">{letter.reason}</span>
              </td>
              <td>{letter.pointer ?? ''}</td>
              <td class="wrap">{letter.message}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function LetterDetail({ letter }: { readonly letter: DeadLetter }) {
  const text = utf8(letter.bytes);
  const [wanted, setWanted] = useState<'text' | 'hex'>('text');
  const form = text === undefined ? 'hex' : wanted;
  const shown = form === 'hex' ? hexDump(letter.bytes, HEX_BYTES_MAX) : text;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Topic', letter.topic],
    ['Received', formatTime(letter.receivedAt)],
    ['Pointer', letter.pointer === '' ? '(the whole record)' : letter.pointer],
    ['Record', letter.origin],
    ['Pipeline', letter.pipeline],
    ['Operator', letter.operator],
  ];
  return (
    <section class="panel detail" aria-label="The chosen dead letter">
      <div>
        <span class="badge warn">{letter.reason}</span>
        <p>{letter.message}</p>
      </div>
      <dl class="facts">
        {facts.map(
          ([name, value]) =>
            value !== undefined && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
      <div class="page-tools">
        <Segments
          label="Form of the bytes"
          name="form"
          value={form}
          onChange={setWanted}
          options={[
            { value: 'text', text: 'Text' },
            { value: 'hex', text: 'Hex' },
          ]}
        />
        <span class="soft small">
          {formatBytes(letter.bytes.length)}
          {text === undefined ? ', not valid UTF-8' : ''}
          {form === 'hex' && letter.bytes.length > HEX_BYTES_MAX ? `, the first ${formatBytes(HEX_BYTES_MAX)}` : ''}
        </span>
      </div>
      <Scroll class={`bytes ${form}`} label="Bytes of the record">
        <pre>{shown === '' ? '(no bytes)' : shown}</pre>
      </Scroll>
    </section>
  );
}
