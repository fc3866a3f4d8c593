// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import java.nio.ByteBuffer;

/** What one value of a tensor is, under safetensors' names. All are little-endian. */
public enum Dtype {
  F64(8),
  F32(4),
  F16(2),
  BF16(2),
  I64(8),
  I32(4),
  I16(2),
  I8(1),
  U64(8),
  U32(4),
  U16(2),
  U8(1),
  BOOL(1);

  private final int bytes;

  Dtype(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes a value takes. */
  public int bytes() {
    return bytes;
  }

  boolean isFloating() {
    return this == F64 || this == F32 || this == F16 || this == BF16;
  }

  /** Widens one of the floating dtypes; as many values as {@code from} has left. */
  void decode(ByteBuffer from, float[] to, int at) {
    int count = from.remaining() / bytes;
    switch (this) {
      case F32 -> {
        from.asFloatBuffer().get(to, at, count);
      }
      case F64 -> {
        for (int i = 0; i < count; i++) {
          to[at + i] = (float) from.getDouble(from.position() + 8 * i);
        }
      }
      case F16 -> {
        for (int i = 0; i < count; i++) {
          to[at + i] = Half.toFloat(from.getShort(from.position() + 2 * i));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          to[at + i] = Half.bfloat16ToFloat(from.getShort(from.position() + 2 * i));
        }
      }
      case I64, I32, I16, I8, U64, U32, U16, U8, BOOL ->
          throw new IllegalArgumentException("dtype: %s (expected: floating)".formatted(this));
    }
  }

  /** Widens one of the integer dtypes; U64 keeps its bits, BOOL is 0 or 1. */
  void decode(ByteBuffer from, long[] to, int at) {
    int count = from.remaining() / bytes;
    for (int i = 0; i < count; i++) {
      int position = from.position() + bytes * i;
      to[at + i] =
          switch (this) {
            case I64, U64 -> from.getLong(position);
            case I32 -> from.getInt(position);
            case U32 -> from.getInt(position) & 0xffffffffL;
            case I16 -> from.getShort(position);
            case U16 -> from.getShort(position) & 0xffff;
            case I8 -> from.get(position);
            case U8, BOOL -> from.get(position) & 0xff;
            case F64, F32, F16, BF16 ->
                throw new IllegalArgumentException("dtype: %s (expected: integer)".formatted(this));
          };
    }
  }
}
