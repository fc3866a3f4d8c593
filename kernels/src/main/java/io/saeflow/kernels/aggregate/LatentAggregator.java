// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.aggregate;

import io.saeflow.kernels.sae.SparseLatents;

/**
 * Adds batches to the {@link LatentStatistics} of a range of latents, which it may keep on a
 * device. Whatever the device, the statistics are the same to the bit. Not safe for use by several
 * threads.
 */
public interface LatentAggregator extends AutoCloseable {
  /**
   * Adds a batch of whole sequences, and regroups its entries.
   *
   * @param batch its latents are of the range, numbered over the whole autoencoder; its values may
   *     be any
   * @param contextLength tokens a sequence
   * @param visitor told of every latent with entries in a sequence, by latent and then by sequence,
   *     when {@link #entries} are those of the batch; it may not ask for {@link #statistics}. It is
   *     told meanwhile, as whoever counts a latent's entries has them in the cache
   * @throws IndexOutOfBoundsException if a latent is not of the range
   */
  void add(SparseLatents batch, int contextLength, SequenceVisitor visitor);

  /** Those of the batch added last. The same object at each call. */
  EntriesByLatent entries();

  /**
   * What has been added, after what was restored; shared. It may be restored into until a batch is
   * added, and must be asked for anew after that.
   */
  LatentStatistics statistics();

  /** Gives back what it has of a device. */
  @Override
  void close();
}
