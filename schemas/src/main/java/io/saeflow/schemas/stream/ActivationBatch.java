// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

import io.saeflow.schemas.hook.HookPoint;
import java.util.Arrays;

/** The model's activations at one hook point for the tokens of one batch. */
public final class ActivationBatch implements ActivationMessage {
  private final TokenBatch batch;
  private final HookPoint hook;
  private final int width;
  private final float[] values;

  /**
   * @param width the hook point's width D
   * @param values [S, L, D], row-major; shared. Non-finite values are allowed here and dealt with
   *     by the encoder
   * @throws IllegalArgumentException if there are not S·L·D values
   */
  public ActivationBatch(TokenBatch batch, HookPoint hook, int width, float[] values) {
    if (width < 1 || (long) batch.tokens().length * width != values.length) {
      throw new IllegalArgumentException(
          "activations of batch %d: %d (expected: %d tokens of width %d)"
              .formatted(batch.number(), values.length, batch.tokens().length, width));
    }
    this.batch = batch;
    this.hook = hook;
    this.width = width;
    this.values = values;
  }

  @Override
  public String run() {
    return batch.run();
  }

  @Override
  public long number() {
    return batch.number();
  }

  /** The tokens these belong to. */
  public TokenBatch batch() {
    return batch;
  }

  /** Where they were read. */
  public HookPoint hook() {
    return hook;
  }

  /** D. */
  public int width() {
    return width;
  }

  /** [S, L, D], row-major; shared. */
  public float[] values() {
    return values;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ActivationBatch that
        && batch.equals(that.batch)
        && hook.equals(that.hook)
        && width == that.width
        && Arrays.equals(values, that.values);
  }

  @Override
  public int hashCode() {
    return batch.hashCode() * 31 + hook.hashCode();
  }

  @Override
  public String toString() {
    return "ActivationBatch[%s, %s, width %d]".formatted(batch, hook, width);
  }
}
