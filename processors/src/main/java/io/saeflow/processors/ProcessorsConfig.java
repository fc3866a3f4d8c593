// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors;

import java.nio.file.Path;
import java.util.Map;

/**
 * Where and how the stages run.
 *
 * @param kafka client properties, {@code bootstrap.servers} among them; they override the stages'
 * @param instance this process' name among those of the run, the same after a restart
 * @param stateDirectory for Kafka Streams' own files
 * @param threads stream threads of each stage, at least 1
 * @param bufferedMessages how many messages of a partition may wait in memory, at least 1
 */
public record ProcessorsConfig(
    Map<String, Object> kafka,
    String instance,
    Path stateDirectory,
    int threads,
    int bufferedMessages) {
  public ProcessorsConfig {
    kafka = Map.copyOf(kafka);
    if (threads < 1) {
      throw new IllegalArgumentException("stream threads: %d (expected: >= 1)".formatted(threads));
    }
    if (bufferedMessages < 1) {
      throw new IllegalArgumentException(
          "buffered messages: %d (expected: >= 1)".formatted(bufferedMessages));
    }
  }
}
