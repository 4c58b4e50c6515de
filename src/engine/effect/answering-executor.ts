import type { ExecutorFactory } from '../task/executor.ts';
import { failureOf } from '../task/task-loop.ts';
import { AskService, type AskServiceOptions } from './ask-service.ts';

/** Tasks of one pipeline, each with a service that answers what it asks and ends with it. */
export function answeringExecutor(
  factory: ExecutorFactory,
  options: Omit<AskServiceOptions, 'answer'>,
): ExecutorFactory {
  return (start, receive) => {
    const service = new AskService({
      ...options,
      answer: (operator, effects) => executor.post({ kind: 'answer', operator, effects }),
    });
    const executor = factory(start, (message) => {
      if (message.kind !== 'ask') {
        receive(message);
        return;
      }
      try {
        service.ask(message.operator, message.target, message.asks);
      } catch (error) {
        receive(failureOf(error));
      }
    });
    return {
      post: (message) => executor.post(message),
      terminate: async () => {
        await Promise.all([service.close(), executor.terminate()]);
      },
    };
  };
}
