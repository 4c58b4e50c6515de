/** What the exit code of every command means; `headrace help exit-codes` prints this. */
export const EXIT = {
  ok: 0,
  failed: 1,
  /** Of `plan`: what Terraform's has with -detailed-exitcode. */
  changes: 2,
  unreachable: 3,
  refused: 4,
  /** EX_USAGE of sysexits.h. */
  usage: 64,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_TEXT: Readonly<Record<ExitCode, string>> = {
  0: 'done',
  1: 'failed; the message says what and what to do',
  2: 'of "plan": there are changes to be applied',
  3: 'nothing answers at --url',
  4: 'the server does not allow it (token missing, wrong or too weak)',
  64: 'the command line is wrong; the message says what is meant',
};
