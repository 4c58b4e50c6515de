import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createJsonDecoder } from '../../src/kernel/json-decoder.ts';
import { isValidJson } from '../../src/kernel/json-validity.ts';
import { Kernel } from '../../src/kernel/kernel.ts';

const folder = fileURLToPath(new URL('./json-parsing/test_parsing/', import.meta.url));
const texts = readdirSync(folder).map((name) => ({ name, bytes: readFileSync(folder + name) }));
const kernel = Kernel.create();
const decoder = createJsonDecoder(kernel, [{ path: ['wanted'], kind: 'jsonb' }], {
  rootTypes: ['null', 'boolean', 'number', 'string', 'object', 'array'],
});

function accepts(bytes: Uint8Array): boolean {
  kernel.arenaReset();
  return isValidJson(kernel, bytes);
}

function decodes(bytes: Uint8Array): boolean {
  kernel.arenaReset();
  return decoder.decodeBytes('one', bytes).refused === 0;
}

function parses(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}

/**
 * What RFC 8259 leaves to the parser, and what we do: numbers beyond the double's range, lone surrogates in escapes, and 500 levels
 * are taken as JSON.parse takes them; bytes that are no UTF-8, UTF-16 and a byte order mark are refused, as it refuses them.
 */
const FREE: Readonly<Record<string, 'accepted' | 'refused'>> = {
  'i_number_double_huge_neg_exp.json': 'accepted',
  'i_number_huge_exp.json': 'accepted',
  'i_number_neg_int_huge_exp.json': 'accepted',
  'i_number_pos_double_huge_exp.json': 'accepted',
  'i_number_real_neg_overflow.json': 'accepted',
  'i_number_real_pos_overflow.json': 'accepted',
  'i_number_real_underflow.json': 'accepted',
  'i_number_too_big_neg_int.json': 'accepted',
  'i_number_too_big_pos_int.json': 'accepted',
  'i_number_very_big_negative_int.json': 'accepted',
  'i_object_key_lone_2nd_surrogate.json': 'accepted',
  'i_string_1st_surrogate_but_2nd_missing.json': 'accepted',
  'i_string_1st_valid_surrogate_2nd_invalid.json': 'accepted',
  'i_string_UTF-16LE_with_BOM.json': 'refused',
  'i_string_UTF-8_invalid_sequence.json': 'refused',
  'i_string_UTF8_surrogate_U+D800.json': 'refused',
  'i_string_incomplete_surrogate_and_escape_valid.json': 'accepted',
  'i_string_incomplete_surrogate_pair.json': 'accepted',
  'i_string_incomplete_surrogates_escape_valid.json': 'accepted',
  'i_string_invalid_lonely_surrogate.json': 'accepted',
  'i_string_invalid_surrogate.json': 'accepted',
  'i_string_invalid_utf-8.json': 'refused',
  'i_string_inverted_surrogates_U+1D11E.json': 'accepted',
  'i_string_iso_latin_1.json': 'refused',
  'i_string_lone_second_surrogate.json': 'accepted',
  'i_string_lone_utf8_continuation_byte.json': 'refused',
  'i_string_not_in_unicode_range.json': 'refused',
  'i_string_overlong_sequence_2_bytes.json': 'refused',
  'i_string_overlong_sequence_6_bytes.json': 'refused',
  'i_string_overlong_sequence_6_bytes_null.json': 'refused',
  'i_string_truncated-utf-8.json': 'refused',
  'i_string_utf16BE_no_BOM.json': 'refused',
  'i_string_utf16LE_no_BOM.json': 'refused',
  'i_structure_500_nested_arrays.json': 'accepted',
  'i_structure_UTF-8_BOM_empty_object.json': 'refused',
};

describe('the JSON Parsing Test Suite', () => {
  it('is whole', () => {
    expect(texts.length).toBe(318);
  });

  it.each(texts.filter((t) => t.name.startsWith('y_')))('accepts $name', ({ bytes }) => {
    expect(accepts(bytes)).toBe(true);
  });

  it.each(texts.filter((t) => t.name.startsWith('n_')))('refuses $name', ({ bytes }) => {
    expect(accepts(bytes)).toBe(false);
  });

  it.each(texts.filter((t) => t.name.startsWith('i_')))('takes or leaves $name as documented', ({ name, bytes }) => {
    expect(accepts(bytes) ? 'accepted' : 'refused').toBe(FREE[name]);
  });

  it.each(texts)('agrees with JSON.parse on $name, validating and decoding', ({ bytes }) => {
    expect({ validates: accepts(bytes), decodes: decodes(bytes) }).toEqual({
      validates: parses(bytes),
      decodes: parses(bytes),
    });
  });
});
