import { useMemo } from 'preact/hooks';
import type { TopicInfo } from '../api/types.ts';
import { Command } from '../element/command.tsx';
import { Empty } from '../element/empty.tsx';
import { Scroll } from '../element/scroll.tsx';
import { ingestCommand, TOPICS_COMMAND } from '../state/command-line.ts';
import type { PageProps } from '../state/console.ts';
import { formatBytes, formatCount } from '../state/format.ts';
import { usePolled } from '../state/poll.ts';

const POLL_MS = 3000;

export function TopicsPage({ console }: PageProps) {
  const { client } = console;
  const read = useMemo(() => () => client.topics(), [client]);
  const polled = usePolled(read, POLL_MS);
  const topics = polled.kind === 'ready' ? polled.value : [];
  const own = topics.filter((topic) => !topic.name.startsWith('_'));
  const sorted = [...own, ...topics.filter((topic) => topic.name.startsWith('_'))];
  const input = own.find((topic) => topic.writtenBy === undefined);
  return (
    <>
      <div class="page-head">
        <div>
          <h1>Topics</h1>
          <p>Everything is a log: inputs, results, dead letters, and what the system writes about itself.</p>
        </div>
      </div>
      {polled.kind === 'failed' && <p class="notice bad">Reading the topics: {polled.reason}</p>}
      {polled.kind === 'ready' && own.length === 0 && (
        <Empty
          title="No topic yet"
          steps={[
            { text: 'Create one:', command: `${TOPICS_COMMAND} create events` },
            { text: 'Then send an event to it:', command: ingestCommand(location.origin, 'events') },
          ]}
        >
          A topic holds the records of one kind, in the order in which they came.
        </Empty>
      )}
      {topics.length > 0 && (
        <Scroll class="panel scroll" label="Topics, scrollable">
          <table>
            <caption>Topics; the names of the system’s own begin with _</caption>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Kind</th>
                <th scope="col">Written by</th>
                <th scope="col">Read by</th>
                <th scope="col" class="number">
                  Partitions
                </th>
                <th scope="col" class="number">
                  Records
                </th>
                <th scope="col" class="number">
                  Size
                </th>
                <th scope="col">Kept</th>
              </tr>
            </thead>
            <tbody>
              {sorted.map((topic) => (
                <tr key={topic.name}>
                  <th scope="row">{topic.name}</th>
                  <td>{topic.kind ?? ''}</td>
                  <td>{topic.writtenBy ?? (topic.name.startsWith('_') ? 'Headrace' : 'clients')}</td>
                  <td class="wrap">{topic.readBy.join(', ')}</td>
                  <td class="number">{formatCount(topic.partitions)}</td>
                  <td class="number">{formatCount(topic.records)}</td>
                  <td class="number">{formatBytes(topic.bytes)}</td>
                  <td>{topic.retention ?? 'without limit'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {input !== undefined && (
        <section class="panel" aria-labelledby="send-title">
          <div class="panel-head">
            <h2 id="send-title">Send an event of your own</h2>
          </div>
          <div class="panel-body">
            <Send topic={input} />
          </div>
        </section>
      )}
    </>
  );
}

function Send({ topic }: { readonly topic: TopicInfo }) {
  const { name, sampleEvent } = topic;
  const text = useMemo(() => ingestCommand(location.origin, name, sampleEvent), [name, sampleEvent]);
  return <Command text={text} label={`Send an event to ${name}`} />;
}
