const PREFIX = '__exchange.';

/** Whether a topic is the machinery's own: users neither see nor name it, and nothing of it goes that nobody has read. */
export function isInternalTopic(name: string): boolean {
  return name.startsWith(PREFIX);
}
