// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import io.saeflow.kernels.device.Device;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.stream.ActivationDtype;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * One run, valid by construction: whatever can be known to be wrong without opening a file has been
 * refused with {@link BadInputException}.
 *
 * @param run the run's id, which begins the name of each of its topics
 * @param saes at least one, with ids and viewer paths that differ
 * @param subject the model's name in viewers
 * @param device where it encodes and aggregates
 */
public record RunConfig(
    String run,
    ModelConfig model,
    CorpusConfig corpus,
    List<SaeConfig> saes,
    StatisticsConfig statistics,
    StreamConfig stream,
    String subject,
    Device device) {
  /** A GPU is used where one is asked for: the kernels have only run in emulation so far. */
  public static final Device DEFAULT_DEVICE = new Device.Cpu();

  public RunConfig {
    try {
      Topics.requireRunId(run);
    } catch (IllegalArgumentException e) {
      throw new BadInputException(e.getMessage(), e);
    }
    Expectation.folderName("subject", subject);
    saes = List.copyOf(saes);
    if (saes.isEmpty()) {
      throw new BadInputException("saes: none (expected: at least one)");
    }
    if (corpus.source() instanceof CorpusSource.Tokens && !statistics.labels().isEmpty()) {
      throw new BadInputException(
          "label: '%s' (expected: none with tokens, whose documents have no fields)"
              .formatted(statistics.labels().get(0).text()));
    }
    if (stream.encodeAt() == EncodeAt.PRODUCER
        && model.activationDtype() != ActivationDtype.FLOAT32) {
      throw new BadInputException(
          "activation-dtype: %s (expected: float32 with encode-at producer, which publishes no activations)"
              .formatted(model.activationDtype().id()));
    }
    Set<String> ids = new HashSet<>();
    Set<String> viewerPaths = new HashSet<>();
    for (SaeConfig sae : saes) {
      if (!ids.add(sae.id())) {
        throw new BadInputException("SAE id: '%s' twice (expected: unique)".formatted(sae.id()));
      }
      if (!viewerPaths.add(sae.viewerPath())) {
        throw new BadInputException(
            "sae-path: '%s' twice (expected: unique)".formatted(sae.viewerPath()));
      }
    }
  }

  /**
   * Checks that every file and folder that the run reads is there.
   *
   * @throws BadInputException naming the first that is not
   */
  public void requireInputs() {
    requireDirectory("model", model.directory());
    requireDirectory("tokenizer", model.tokenizer());
    String key = corpus.source() instanceof CorpusSource.Text ? "text" : "tokens";
    for (Path file : corpus.source().files()) {
      requireFile(key, file);
    }
    for (SaeConfig sae : saes) {
      if (!Files.isReadable(sae.path())) {
        throw missing("sae", sae.path(), "a file or folder that can be read");
      }
    }
  }

  private static void requireDirectory(String key, Path path) {
    if (!Files.isDirectory(path)) {
      throw missing(key, path, "a folder");
    }
  }

  private static void requireFile(String key, Path path) {
    if (!Files.isRegularFile(path) || !Files.isReadable(path)) {
      throw missing(key, path, "a file that can be read");
    }
  }

  private static BadInputException missing(String key, Path path, String expectation) {
    return new BadInputException("%s: %s (expected: %s)".formatted(key, path, expectation));
  }
}
