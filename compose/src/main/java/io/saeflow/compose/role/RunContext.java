// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.config.EncodeAt;
import io.saeflow.processors.aggregate.LabelField;
import io.saeflow.processors.aggregate.TallyConfig;
import io.saeflow.processors.encode.NonFinitePolicy;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A run whose topics are there.
 *
 * @param kafka client properties, {@code bootstrap.servers} among them
 * @param manifest what the run is made of
 */
public record RunContext(Map<String, Object> kafka, RunManifest manifest) {
  private static final long BUFFERED_BYTES = 256L << 20;

  /** More waiting messages would not make a stage any faster. */
  private static final int MAX_BUFFERED_MESSAGES = 20;

  public RunContext {
    kafka = Map.copyOf(kafka);
  }

  public Topics topics() {
    return new Topics(manifest.getRun());
  }

  /** The hook points that the run reads, each once. */
  public List<HookPoint> hooks() {
    return manifest.getSaes().stream()
        .map(sae -> HookPoint.parse(sae.getHook()))
        .distinct()
        .toList();
  }

  /** How many tokens a whole batch has. */
  public long batchTokens() {
    return (long) manifest.getBatchSize() * manifest.getContextLength();
  }

  /** Who encodes activations. */
  public EncodeAt encodeAt() {
    return EncodeAt.of(manifest.getEncodeAt());
  }

  NonFinitePolicy nonFinite() {
    return NonFinitePolicy.valueOf(manifest.getNonFinite().toUpperCase(Locale.ROOT));
  }

  TallyConfig tally() {
    return new TallyConfig(
        manifest.getTop(),
        manifest.getRandom(),
        manifest.getWindow(),
        manifest.getSeed(),
        manifest.getLabels().stream().map(LabelField::parse).toList());
  }

  /**
   * How many messages of a partition may wait in memory: as many as fit into the room that
   * activations may take in all.
   *
   * @param partitions of the tokens topic, and so of each activations topic
   */
  int bufferedMessages(int partitions) {
    int width = manifest.getSaes().stream().mapToInt(SaeManifest::getWidth).max().orElse(1);
    long messageBytes = batchTokens() * width * Float.BYTES;
    long fit = BUFFERED_BYTES / ((long) hooks().size() * partitions * messageBytes);
    return (int) Math.max(1, Math.min(MAX_BUFFERED_MESSAGES, fit));
  }
}
