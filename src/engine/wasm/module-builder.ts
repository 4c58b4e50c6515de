import { ByteSink } from './byte-sink.ts';
import { CodeSink } from './code-sink.ts';
import { type Code, type Statement, VALUE_TYPE, type ValueType } from './instruction.ts';

/** A local variable or parameter of the function that is being made. */
export interface Local<Type extends ValueType> {
  readonly get: Code<Type>;
  set(value: Code<Type>): Statement;
}

/** Parameter and result types of a function that returns one value or nothing. */
export interface Signature {
  readonly parameters: readonly ValueType[];
  readonly result: ValueType | undefined;
}

interface ImportedFunction {
  readonly name: string;
  readonly index: number;
  readonly type: number;
}

/** One function: its parameters, locals and instructions. */
export class FunctionBuilder {
  readonly #types: ValueType[];
  readonly #parameters: number;
  readonly body: Code<ValueType | 'none'>[] = [];

  constructor(parameters: readonly ValueType[]) {
    this.#types = [...parameters];
    this.#parameters = parameters.length;
  }

  parameter<Type extends ValueType>(index: number, type: Type): Local<Type> {
    return local(index, type);
  }

  local<Type extends ValueType>(type: Type): Local<Type> {
    this.#types.push(type);
    return local(this.#types.length - 1, type);
  }

  /** Locals and body: section 5.5.13 (Code Section). */
  encode(): Uint8Array {
    const sink = new CodeSink();
    const locals = this.#types.slice(this.#parameters);
    sink.unsigned(locals.length);
    for (const type of locals) {
      sink.unsigned(1);
      sink.byte(VALUE_TYPE[type]);
    }
    for (const statement of this.body) statement.write(sink);
    sink.byte(0x0b);
    return sink.toBytes();
  }
}

/** Variable instructions: section 5.4.4. */
function local<Type extends ValueType>(index: number, type: Type): Local<Type> {
  return {
    get: {
      type,
      write: (sink) => {
        sink.byte(0x20);
        sink.unsigned(index);
      },
    },
    set: (value) => ({
      type: 'none',
      write: (sink) => {
        value.write(sink);
        sink.byte(0x21);
        sink.unsigned(index);
      },
    }),
  };
}

/**
 * A module in the binary format (WebAssembly Core Specification 2.0, section 5.5) that imports a memory, one constant and
 * functions, all from `env`, and exports functions.
 */
export class ModuleBuilder {
  readonly #types: string[] = [];
  readonly #encodedTypes: Uint8Array[] = [];
  readonly #imports = new Map<string, ImportedFunction>();
  readonly #functions: { readonly name: string; readonly type: number; readonly body: FunctionBuilder }[] = [];

  /** Names of the functions to import. */
  get imported(): readonly string[] {
    return [...this.#imports.keys()];
  }

  /** The imported constant `base`. */
  readonly base: Code<'i32'> = {
    type: 'i32',
    write: (sink) => {
      sink.byte(0x23);
      sink.unsigned(0);
    },
  };

  /** Calls an imported function; without a result it is a statement. */
  call<Result extends ValueType | 'none'>(
    name: string,
    parameters: readonly Code<ValueType>[],
    result: Result,
  ): Code<Result> {
    const index = this.#importIndex(name, {
      parameters: parameters.map((parameter) => parameter.type),
      result: result === 'none' ? undefined : result,
    });
    return {
      type: result,
      write: (sink) => {
        for (const parameter of parameters) parameter.write(sink);
        sink.byte(0x10);
        sink.unsigned(index);
      },
    };
  }

  #importIndex(name: string, signature: Signature): number {
    const type = this.#typeIndex(signature);
    const known = this.#imports.get(name);
    if (known === undefined) {
      this.#imports.set(name, { name, index: this.#imports.size, type });
      return this.#imports.size - 1;
    }
    if (known.type !== type) throw new Error(`emitting WebAssembly: "${name}" is called with two signatures`);
    return known.index;
  }

  function(name: string, signature: Signature): FunctionBuilder {
    const body = new FunctionBuilder(signature.parameters);
    this.define(name, signature, body);
    return body;
  }

  /** Exports a function that was made apart. */
  define(name: string, signature: Signature, body: FunctionBuilder): void {
    this.#functions.push({ name, type: this.#typeIndex(signature), body });
  }

  /** Function types, section 5.3.6; equal ones are one. */
  #typeIndex({ parameters, result }: Signature): number {
    const key = `${parameters.join()}:${result ?? ''}`;
    const known = this.#types.indexOf(key);
    if (known >= 0) return known;
    const sink = new ByteSink();
    sink.byte(0x60);
    sink.vector(parameters.map((type) => VALUE_TYPE[type]));
    sink.vector(result === undefined ? [] : [VALUE_TYPE[result]]);
    this.#encodedTypes.push(sink.toBytes());
    return this.#types.push(key) - 1;
  }

  encode(): Uint8Array {
    const sink = new ByteSink();
    for (const byte of [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]) sink.byte(byte);
    section(sink, 1, this.#encodedTypes.length, (out) => {
      for (const type of this.#encodedTypes) for (const byte of type) out.byte(byte);
    });
    section(sink, 2, this.#imports.size + 2, (out) => this.#encodeImports(out));
    section(sink, 3, this.#functions.length, (out) => {
      for (const { type } of this.#functions) out.unsigned(type);
    });
    section(sink, 7, this.#functions.length, (out) => {
      this.#functions.forEach(({ name }, at) => {
        out.name(name);
        out.byte(0x00);
        out.unsigned(this.#imports.size + at);
      });
    });
    section(sink, 10, this.#functions.length, (out) => {
      for (const { body } of this.#functions) out.vector(body.encode());
    });
    return sink.toBytes();
  }

  /** Section 5.5.5: functions first, in the order of their indexes; then the memory and the constant. */
  #encodeImports(out: ByteSink): void {
    for (const { name, type } of this.#imports.values()) {
      out.name('env');
      out.name(name);
      out.byte(0x00);
      out.unsigned(type);
    }
    out.name('env');
    out.name('memory');
    for (const byte of [0x02, 0x00, 0x01]) out.byte(byte);
    out.name('env');
    out.name('base');
    for (const byte of [0x03, VALUE_TYPE.i32, 0x00]) out.byte(byte);
  }
}

/** Section 5.5.2: its id, its size, the vector of its entries. */
function section(sink: ByteSink, id: number, count: number, entries: (out: ByteSink) => void): void {
  if (count === 0) return;
  const out = new ByteSink();
  out.unsigned(count);
  entries(out);
  sink.byte(id);
  sink.vector(out.toBytes());
}
