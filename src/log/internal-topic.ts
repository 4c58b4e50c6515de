import type { Log, TopicConfig } from './log.ts';

const PREFIX = '__exchange.';

/** Whether a topic is the machinery's own: users neither see nor read it, and nothing of it goes that nobody has said is not needed. */
export function isInternalTopic(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** A topic that somebody outside asks for by its name. */
export function topicForUsers(log: Pick<Log, 'topic'>, name: string): TopicConfig | undefined {
  return isInternalTopic(name) ? undefined : log.topic(name);
}
