// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

/** Told of the entries that a latent has in a sequence. */
@FunctionalInterface
public interface SequenceVisitor {
  /**
   * Visits at least one entry.
   *
   * @param latent from the first of the range
   * @param from the first of its entries in the sequence, see {@link EntriesByLatent}
   * @param to one more than the last
   */
  void visit(int latent, int from, int to);
}
