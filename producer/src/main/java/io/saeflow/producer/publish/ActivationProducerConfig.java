// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.hook.HookPoint;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What an {@link ActivationProducer} reads and writes.
 *
 * @param kafka client settings, among them {@code bootstrap.servers}
 * @param topics the run's topics; they exist
 * @param hooks where activations are read, at least one, each once
 * @param instance this producer's name among those of the run, the same after a restart: letters,
 *     digits, {@code -}, {@code _} and {@code .}
 * @param batchesPerTransaction how many batches one transaction may have, at least 1; their
 *     activations are in memory together
 * @param threads how many batches the model runs over at once, at least 1
 * @param maxWaitingBatches it waits while more than so many records in a partition are not read, at
 *     least 1
 */
public record ActivationProducerConfig(
    Map<String, Object> kafka,
    Topics topics,
    List<HookPoint> hooks,
    String instance,
    int batchesPerTransaction,
    int threads,
    int maxWaitingBatches) {

  /** A transaction costs some ten milliseconds, a batch some hundreds. */
  public static final int DEFAULT_BATCHES_PER_TRANSACTION = 2;

  private static final Pattern INSTANCE = Pattern.compile("[A-Za-z0-9._-]{1,60}");

  public ActivationProducerConfig {
    kafka = Map.copyOf(kafka);
    hooks = List.copyOf(hooks);
    if (hooks.isEmpty() || new HashSet<>(hooks).size() != hooks.size()) {
      throw new IllegalArgumentException(
          "hooks: %s (expected: at least one, each once)".formatted(hooks));
    }
    if (!INSTANCE.matcher(instance).matches()) {
      throw new IllegalArgumentException(
          "instance: '%s' (expected: 1 to 60 letters, digits, '-', '_' or '.')"
              .formatted(instance));
    }
    if (batchesPerTransaction < 1) {
      throw new IllegalArgumentException(
          "batches per transaction: %d (expected: >= 1)".formatted(batchesPerTransaction));
    }
    if (threads < 1) {
      throw new IllegalArgumentException("threads: %d (expected: >= 1)".formatted(threads));
    }
    if (maxWaitingBatches < 1) {
      throw new IllegalArgumentException(
          "waiting batches: %d (expected: >= 1)".formatted(maxWaitingBatches));
    }
  }
}
