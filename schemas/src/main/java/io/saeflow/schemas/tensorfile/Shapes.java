// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import java.util.List;

/** Sizes of tensors, overflow-checked: shapes come from untrusted files. */
final class Shapes {
  private static final int MAX_ARRAY = Integer.MAX_VALUE - 8;

  private Shapes() {}

  /** The number of values of a tensor of {@code shape}; 1 without dimensions. */
  static long count(List<Long> shape) {
    long count = 1;
    try {
      for (long dimension : shape) {
        if (dimension < 0) {
          throw new IllegalArgumentException("shape: %s (expected: none < 0)".formatted(shape));
        }
        count = Math.multiplyExact(count, dimension);
      }
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException("shape: %s (expected: < 2^63 values)".formatted(shape), e);
    }
    return count;
  }

  /** The bytes of a tensor of {@code shape}. */
  static long bytes(List<Long> shape, Dtype dtype) {
    try {
      return Math.multiplyExact(count(shape), dtype.bytes());
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException("shape: %s (expected: < 2^63 bytes)".formatted(shape), e);
    }
  }

  /** {@code count} as an array's length. */
  static int arrayLength(long count) {
    if (count > MAX_ARRAY) {
      throw new IllegalArgumentException(
          "%d values (expected: at most %d, what an array can hold)".formatted(count, MAX_ARRAY));
    }
    return (int) count;
  }
}
