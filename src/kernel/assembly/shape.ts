// The shape of what a decoder looks for: a tree of nodes, one per path that somebody wants to know about, and entries, one
// per key. Built by JavaScript (src/kernel/json-shape.ts has the same offsets), read and stamped here.
//
// Node, 128 bytes; nodes lie in one array in pre-order, so that a subtree is a range.
export const NODE_BYTES: usize = 128;
export const NODE_KIND: usize = 0; // u32, KIND_*
export const NODE_TYPES: usize = 4; // u32, TYPE_* that are allowed
export const NODE_FLAGS: usize = 8; // u32, FLAG_*
export const NODE_FIELD: usize = 12; // i32 index of the field, -1 for none
export const NODE_DATA: usize = 16; // u32 address of the column, 0 for none
export const NODE_NULLS: usize = 20; // u32 address of the null bytes
export const NODE_FIRST: usize = 24; // u32 entry that came first in the last object
export const NODE_KEYS: usize = 28; // u32 list of the entries, linked by ENTRY_SIBLING
export const NODE_END: usize = 32; // u32 address after the last node of the subtree
export const NODE_PARENT: usize = 36; // u32
export const NODE_STAMP: usize = 40; // u32 row in which the key was last seen
export const NODE_OBJECT_STAMP: usize = 44; // u32 row in which its value was an object
export const NODE_ERROR: usize = 48; // u32 error of this row's value
export const NODE_ERROR_AT: usize = 52; // u32
export const NODE_LEARNED: usize = 56; // u32 entries learned for keys that nobody wants
export const NODE_SCALE: usize = 60; // i32
export const NODE_PRECISION: usize = 64; // i32
export const NODE_CONSTRAINT: usize = 68; // u32 address of a constraint, 0 for none
export const NODE_WIDTH_SHIFT: usize = 72; // u32 log2 of the width of the column
export const NODE_CHILDREN: usize = 76; // u32 1 when there are nodes below
export const NODE_ANY_TEXT: usize = 80; // u32 1 when every string will do and none is kept

export const FLAG_REQUIRED: u32 = 1; // the enclosing object is refused without it
export const FLAG_NOT_NULL: u32 = 2; // the row is refused when it is null or missing

export const KIND_CHECK: u32 = 0;
export const KIND_BOOLEAN: u32 = 1;
export const KIND_INT2: u32 = 2;
export const KIND_INT4: u32 = 3;
export const KIND_INT8: u32 = 4;
export const KIND_FLOAT4: u32 = 5;
export const KIND_FLOAT8: u32 = 6;
export const KIND_SCALED: u32 = 7;
export const KIND_NUMERIC: u32 = 8;
export const KIND_TEXT: u32 = 9;
export const KIND_UUID: u32 = 10;
export const KIND_DATE: u32 = 11;
export const KIND_TIME: u32 = 12;
export const KIND_TIMESTAMP: u32 = 13;
export const KIND_TIMESTAMPTZ: u32 = 14;
export const KIND_JSONB: u32 = 15;

export const TYPE_NULL: u32 = 1;
export const TYPE_TRUE: u32 = 2;
export const TYPE_FALSE: u32 = 4;
export const TYPE_INTEGER: u32 = 8;
export const TYPE_NUMBER: u32 = 16;
export const TYPE_STRING: u32 = 32;
/** Of a field whose types nobody named: a text for a number is "NaN" or an infinity, or refused; else another text is no value. */
export const TYPE_SPELLED_ONLY: u32 = 1 << 16;
export const TYPE_OBJECT: u32 = 64;
export const TYPE_ARRAY: u32 = 128;

// Entry: 48 bytes and the key. The bytes are `"key":` as in a text without spaces, zero padded to 16.
export const ENTRY_NEXT: usize = 0; // u32 entry that followed in the last object
export const ENTRY_NODE: usize = 4; // u32 node, 0 when nobody wants it
export const ENTRY_SIBLING: usize = 8; // u32
export const ENTRY_KEY_LENGTH: usize = 12; // u32 bytes of the key
export const ENTRY_MASK: usize = 16; // u32 bits of the first 16 bytes
export const ENTRY_MASK2: usize = 20; // u32 bits of the second 16 bytes
export const ENTRY_LENGTH: usize = 24; // u32 bytes of `"key":`
export const ENTRY_BYTES: usize = 32;

// Constraint.
export const CONSTRAINT_FLAGS: usize = 0; // u32, LIMIT_*
export const CONSTRAINT_FORMAT: usize = 4; // u32, FORMAT_*
export const CONSTRAINT_MINIMUM: usize = 8; // f64
export const CONSTRAINT_MAXIMUM: usize = 16; // f64
export const CONSTRAINT_LENGTH_MIN: usize = 24; // u32 code points
export const CONSTRAINT_LENGTH_MAX: usize = 28; // u32
export const CONSTRAINT_STRINGS: usize = 32; // u32 address of the allowed strings' references
export const CONSTRAINT_STRING_COUNT: usize = 36; // u32
export const CONSTRAINT_LAST: usize = 40; // u32 reference that matched last

export const LIMIT_MINIMUM: u32 = 1;
export const LIMIT_EXCLUSIVE_MINIMUM: u32 = 2;
export const LIMIT_MAXIMUM: u32 = 4;
export const LIMIT_EXCLUSIVE_MAXIMUM: u32 = 8;
export const LIMIT_LENGTH: u32 = 16;
export const LIMIT_STRINGS: u32 = 32;

export const FORMAT_NONE: u32 = 0;
export const FORMAT_DATE_TIME: u32 = 1;
export const FORMAT_DATE: u32 = 2;
export const FORMAT_UUID: u32 = 3;

export const ERROR_TYPE: u32 = 4;
export const ERROR_RANGE: u32 = 5;
export const ERROR_MISSING: u32 = 6;
export const ERROR_NULL: u32 = 7;
export const ERROR_DUPLICATE_KEY: u32 = 8;
export const ERROR_ENUM: u32 = 9;
export const ERROR_MINIMUM: u32 = 10;
export const ERROR_MAXIMUM: u32 = 11;
export const ERROR_LENGTH_MIN: u32 = 12;
export const ERROR_LENGTH_MAX: u32 = 13;
export const ERROR_FORMAT: u32 = 14;
export const ERROR_ABSENT_VALUE: u32 = 15; // a record without a value (a tombstone)
