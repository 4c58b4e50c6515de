// Regular expressions as tables over ASCII (engine/wasm/pattern-table.ts). A table begins with one byte for each state, whether
// a text that ends there matches; then come 128 bytes for each: the state that a character leads to. State 0 has matched
// whatever follows, state 1 never will.

import { bytesOf, lengthOf } from "./reference";

const FLAGS_BYTES: usize = 256;

/** 1 when some part of the text matches, 0 when none does, 2 when a character beyond ASCII has to be asked about. */
export function matchPattern(text: usize, table: usize, first: u32): i32 {
  let p = bytesOf(text);
  const end = p + lengthOf(text);
  const rows = table + FLAGS_BYTES;
  let state = first;
  while (p < end && state > 1) {
    const byte = <u32>load<u8>(p);
    if (byte >= 0x80) return 2;
    state = load<u8>(rows + (state << 7) + byte);
    p++;
  }
  return <i32>load<u8>(table + state);
}
