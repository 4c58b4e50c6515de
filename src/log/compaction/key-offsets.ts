import type { KeyMemory } from '../disk.ts';

const SLOTS_MIN = 1024;
const TEXT_BYTES_MIN = 16 * 1024;
/** Integers of a slot: the hash, where the key is among the texts (plus one; 0 when free), its length. */
const SLOT_INTS = 3;
const SLOT_BYTES = 4 * SLOT_INTS + 8;
/** A table is at most so full. */
const FILL_MAX = 0.7;

/**
 * Last offset of each key, exactly: open addressing over flat memory that threads can share. Whole keys are compared: two
 * that merely have one hash must not pass for each other, or a row would be lost.
 */
export class KeyOffsets {
  #slots: Int32Array<SharedArrayBuffer>;
  #offsets: Float64Array<SharedArrayBuffer>;
  #texts: Uint8Array<SharedArrayBuffer>;
  #mask: number;
  #keys = 0;
  #textEnd = 0;

  constructor(memory: KeyMemory = emptyMemory(SLOTS_MIN)) {
    this.#slots = new Int32Array(memory.slots);
    this.#offsets = new Float64Array(memory.offsets);
    this.#texts = new Uint8Array(memory.texts);
    this.#mask = this.#offsets.length - 1;
  }

  get size(): number {
    return this.#keys;
  }

  /** Bytes taken if one more key of this length came. */
  bytesWith(keyLength: number): number {
    const slots = this.#keys + 1 > FILL_MAX * this.#offsets.length ? 2 * this.#offsets.length : this.#offsets.length;
    return slots * SLOT_BYTES + Math.max(this.#texts.length, this.#textEnd + keyLength);
  }

  /** What another thread opens to look up; nothing may be added afterwards. */
  memory(): KeyMemory {
    return { slots: this.#slots.buffer, offsets: this.#offsets.buffer, texts: this.#texts.buffer };
  }

  /** Offsets of a key come in ascending order. */
  set(bytes: Uint8Array, start: number, length: number, offset: number): void {
    const slot = this.#find(bytes, start, length);
    if (this.#slots[slot * SLOT_INTS + 1] !== 0) {
      this.#offsets[slot] = offset;
      return;
    }
    this.#add(slot, bytes, start, length, offset);
  }

  /** -1 for a key that is not there. */
  get(bytes: Uint8Array, start: number, length: number): number {
    const slot = this.#find(bytes, start, length);
    return this.#slots[slot * SLOT_INTS + 1] === 0 ? -1 : this.#offsets[slot]!;
  }

  /** The slot of the key, or the free one that it would have. */
  #find(bytes: Uint8Array, start: number, length: number): number {
    const hash = hashOf(bytes, start, length);
    let slot = hash & this.#mask;
    for (;;) {
      const at = slot * SLOT_INTS;
      const text = this.#slots[at + 1]!;
      if (text === 0) return slot;
      const isSame = this.#slots[at] === hash && this.#slots[at + 2] === length;
      if (isSame && this.#holds(text - 1, bytes, start, length)) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }

  #holds(text: number, bytes: Uint8Array, start: number, length: number): boolean {
    for (let i = 0; i < length; i++) if (this.#texts[text + i] !== bytes[start + i]) return false;
    return true;
  }

  #add(slot: number, bytes: Uint8Array, start: number, length: number, offset: number): void {
    if (this.#textEnd + length > this.#texts.length) this.#growTexts(length);
    this.#texts.set(bytes.subarray(start, start + length), this.#textEnd);
    const at = slot * SLOT_INTS;
    this.#slots[at] = hashOf(bytes, start, length);
    this.#slots[at + 1] = this.#textEnd + 1;
    this.#slots[at + 2] = length;
    this.#offsets[slot] = offset;
    this.#textEnd += length;
    if (++this.#keys > FILL_MAX * this.#offsets.length) this.#growSlots();
  }

  #growTexts(more: number): void {
    const size = Math.max(2 * this.#texts.length, this.#textEnd + more);
    const texts = new Uint8Array(new SharedArrayBuffer(size));
    texts.set(this.#texts.subarray(0, this.#textEnd));
    this.#texts = texts;
  }

  #growSlots(): void {
    const slots = this.#slots;
    const offsets = this.#offsets;
    const larger = emptyMemory(2 * offsets.length);
    this.#slots = new Int32Array(larger.slots);
    this.#offsets = new Float64Array(larger.offsets);
    this.#mask = this.#offsets.length - 1;
    for (let from = 0; from < offsets.length; from++) {
      if (slots[from * SLOT_INTS + 1] === 0) continue;
      let slot = slots[from * SLOT_INTS]! & this.#mask;
      while (this.#slots[slot * SLOT_INTS + 1] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots.set(slots.subarray(from * SLOT_INTS, (from + 1) * SLOT_INTS), slot * SLOT_INTS);
      this.#offsets[slot] = offsets[from]!;
    }
  }
}

function emptyMemory(slots: number): KeyMemory {
  return {
    slots: new SharedArrayBuffer(slots * SLOT_INTS * 4),
    offsets: new SharedArrayBuffer(slots * 8),
    texts: new SharedArrayBuffer(TEXT_BYTES_MIN),
  };
}

/** FNV-1a (Fowler, Noll, Vo) with the last step of MurmurHash3: whole keys are compared, so it need only spread. */
function hashOf(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[start + i]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
