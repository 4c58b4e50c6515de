/** Bytes of a WebAssembly module as they are made. Encodings: WebAssembly Core Specification 2.0, section 5.2 (Values). */
export class ByteSink {
  readonly #bytes: number[] = [];
  readonly #float = new DataView(new ArrayBuffer(8));

  byte(value: number): void {
    this.#bytes.push(value);
  }

  /** Unsigned LEB128, section 5.2.2. */
  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.#bytes.push((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.#bytes.push(rest);
  }

  /** Signed LEB128, section 5.2.2. */
  signed(value: bigint): void {
    let rest = value;
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      // The last byte's bit 6 is the sign that all higher bits repeat.
      const done = rest === ((low & 0x40) === 0 ? 0n : -1n);
      this.#bytes.push(done ? low : low | 0x80);
      if (done) return;
    }
  }

  /** IEEE 754, little endian, section 5.2.3. */
  double(value: number): void {
    this.#float.setFloat64(0, value, true);
    for (let i = 0; i < 8; i++) this.#bytes.push(this.#float.getUint8(i));
  }

  /** A vector of bytes with its length; a name is its UTF-8, section 5.2.4. */
  vector(bytes: ArrayLike<number>): void {
    this.unsigned(bytes.length);
    for (let i = 0; i < bytes.length; i++) this.#bytes.push(bytes[i]!);
  }

  name(text: string): void {
    this.vector(Buffer.from(text, 'utf8'));
  }

  toBytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}
