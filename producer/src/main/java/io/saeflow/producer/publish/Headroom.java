// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

/** Says how much more may be sent now, so that what waits for the next stage stays bounded. */
@FunctionalInterface
interface Headroom extends AutoCloseable {
  /** How many more batches; 0 or less means to wait and ask again. */
  long batches();

  @Override
  default void close() {}
}
