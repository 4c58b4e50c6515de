/** Tells a task in another thread to end. */
export function newCancel(): SharedArrayBuffer {
  return new SharedArrayBuffer(4);
}

export function cancel(flag: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(flag), 0, 1);
}

export function isCancelled({ cancel: flag }: { readonly cancel: SharedArrayBuffer }): boolean {
  return Atomics.load(new Int32Array(flag), 0) === 1;
}
