// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.engine;

import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDArray;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import org.jspecify.annotations.Nullable;

final class LibtorchTensor implements Tensor {
  private final PtNDArray array;

  /**
   * The same values in contiguous memory of the host: a view of {@link #array} or, if that is
   * strided or on a GPU, a copy.
   */
  private @Nullable PtNDArray contiguous;

  LibtorchTensor(PtNDArray array) {
    this.array = array;
  }

  @Override
  public long[] shape() {
    return array().getShape().getShape();
  }

  @Override
  public FloatBuffer floats() {
    return values(DataType.FLOAT32).asFloatBuffer().asReadOnlyBuffer();
  }

  @Override
  public ShortBuffer bfloat16s() {
    if (array().getDevice().isGpu()) {
      throw new IllegalStateException("tensor: bfloat16 on a GPU (expected: on the CPU)");
    }
    // DJL has no name for a bfloat16 that a script made.
    ByteBuffer values = values(DataType.UNKNOWN, Short.BYTES);
    if (values.remaining() != array.size() * Short.BYTES) {
      throw new IllegalStateException(
          "tensor: %d bytes for %d values (expected: bfloat16)"
              .formatted(values.remaining(), array.size()));
    }
    return values.asShortBuffer().asReadOnlyBuffer();
  }

  @Override
  public void copyTo(float[] destination) {
    FloatBuffer values = floats();
    requireLength(destination.length, values.remaining());
    values.get(destination);
  }

  @Override
  public void copyTo(long[] destination) {
    var values = values(DataType.INT64).asLongBuffer();
    requireLength(destination.length, values.remaining());
    values.get(destination);
  }

  @Override
  public void close() {
    if (contiguous != null) {
      contiguous.close();
    }
    array.close();
  }

  PtNDArray array() {
    if (array.isReleased()) {
      throw new IllegalStateException("tensor: closed (expected: open)");
    }
    return array;
  }

  private ByteBuffer values(DataType type) {
    return values(type, type.getNumOfBytes());
  }

  private ByteBuffer values(DataType type, int bytes) {
    if (array().getDataType() != type) {
      throw new IllegalStateException(
          "tensor: %s (expected: %s)".formatted(array.getDataType(), type));
    }
    long size = array.size();
    if (size * bytes > Integer.MAX_VALUE) {
      throw new IllegalStateException(
          "tensor: %d values of %s (expected: at most %d bytes)"
              .formatted(size, type, Integer.MAX_VALUE));
    }
    if (size == 0) {
      return ByteBuffer.allocate(0);
    }
    if (contiguous == null) {
      contiguous = LibtorchEngine.toHost(array.flatten());
    }
    return LibtorchEngine.bytes(contiguous);
  }

  private static void requireLength(int length, int expected) {
    if (length != expected) {
      throw new IllegalArgumentException(
          "destination: %d values (expected: %d)".formatted(length, expected));
    }
  }
}
