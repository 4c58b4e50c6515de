import { ByteSink } from './byte-sink.ts';

/** The target of branches: a block or loop. */
export class Label {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** Where the instructions of one function go: knows how deep each label lies, which is how branches name their targets. */
export class CodeSink extends ByteSink {
  readonly #open: (Label | undefined)[] = [];

  /** Writes the inside of a block, loop or if. */
  nested(label: Label | undefined, body: () => void): void {
    this.#open.push(label);
    body();
    this.#open.pop();
  }

  depthOf(label: Label): number {
    const at = this.#open.lastIndexOf(label);
    if (at < 0) throw new Error(`emitting WebAssembly: a branch to "${label.name}" stands outside of it`);
    return this.#open.length - 1 - at;
  }
}
