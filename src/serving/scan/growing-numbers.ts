const FIRST = 64;

/** Numbers by group, in an array that grows; new ones are 0. */
export class GrowingNumbers {
  values = new Float64Array(FIRST);

  /** Makes room for `count` groups. */
  reserve(count: number): void {
    if (count <= this.values.length) return;
    const larger = new Float64Array(Math.max(count, this.values.length * 2));
    larger.set(this.values);
    this.values = larger;
  }

  taken(count: number): Float64Array {
    this.reserve(count);
    return this.values.slice(0, count);
  }
}
