// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import java.util.List;
import java.util.Map;

/**
 * What becomes of a model's activations, and who reads it. Safe for use by several threads.
 *
 * <p>{@link DenseActivations} publishes them as they are. Another may publish what it makes of
 * them; it is committed with the tokens' offsets all the same.
 */
public interface ActivationOutput {
  /** The topics that records go to, each once; they exist. */
  List<String> topics();

  /** The consumer group that reads these topics, which the producer waits for. */
  String readers();

  /**
   * Opens what one thread makes records with.
   *
   * @param partitions how many each of the {@link #topics} has
   */
  ActivationRecords open(Map<String, Integer> partitions);
}
