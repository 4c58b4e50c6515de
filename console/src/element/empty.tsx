import type { ComponentChildren } from 'preact';
import { Command } from './command.tsx';

export interface Step {
  readonly text: string;
  readonly command: string;
}

/** What a page shows when there is nothing yet: why, and what to do about it. */
export function Empty({
  title,
  steps,
  children,
}: {
  readonly title: string;
  readonly steps: readonly Step[];
  readonly children?: ComponentChildren;
}) {
  return (
    <section class="panel empty">
      <h2>{title}</h2>
      {children !== undefined && <p>{children}</p>}
      <ol>
        {steps.map((step) => (
          <li key={step.command}>
            <span>{step.text}</span>
            <Command text={step.command} label={step.text} />
          </li>
        ))}
      </ol>
    </section>
  );
}
