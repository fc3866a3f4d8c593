// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.weights;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.saeflow.kernels.sae.ActivationFunction;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** An autoencoder's {@code cfg.json}. A key that is null counts as absent. */
final class SaeConfig {
  static final String NAME = "cfg.json";
  private static final int MAX_BYTES = 1 << 20;
  private static final JsonMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(64).build())
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .build())
          .build();

  private final JsonNode root;

  private SaeConfig(JsonNode root) {
    this.root = root;
  }

  static SaeConfig read(Path folder) throws SaeFileException {
    Path path = folder.resolve(NAME);
    try {
      if (Files.size(path) > MAX_BYTES) {
        throw problem("%d bytes (expected: at most %d)".formatted(Files.size(path), MAX_BYTES));
      }
      JsonNode root = JSON.readTree(path.toFile());
      if (!root.isObject()) {
        throw problem("%s (expected: an object)".formatted(root.getNodeType()));
      }
      return new SaeConfig(root);
    } catch (JsonProcessingException e) {
      throw new SaeFileException("%s: %s".formatted(NAME, e.getOriginalMessage()), e);
    } catch (IOException e) {
      throw new SaeFileException("%s: unreadable (expected: a file)".formatted(path), e);
    }
  }

  /** The value of the first of {@code keys} that is there; a dot leads into an object. */
  JsonNode find(String... keys) {
    for (String key : keys) {
      JsonNode node = root.at("/" + key.replace('.', '/'));
      if (!node.isMissingNode() && !node.isNull()) {
        return node;
      }
    }
    return MissingNode.getInstance();
  }

  /** A string. */
  String text(String absent, String... keys) throws SaeFileException {
    JsonNode node = find(keys);
    if (!node.isMissingNode() && !node.isTextual()) {
      throw problem("%s %s (expected: a string)".formatted(keys[0], node));
    }
    return node.asText(absent);
  }

  boolean flag(String key, boolean absent) throws SaeFileException {
    JsonNode node = find(key);
    if (!node.isMissingNode() && !node.isBoolean()) {
      throw problem("%s %s (expected: true or false)".formatted(key, node));
    }
    return node.asBoolean(absent);
  }

  int integer(int absent, String... keys) throws SaeFileException {
    JsonNode node = find(keys);
    if (!node.isMissingNode() && !(node.canConvertToExactIntegral() && node.canConvertToInt())) {
      throw problem("%s %s (expected: an integer)".formatted(keys[0], node));
    }
    return node.asInt(absent);
  }

  /** TopK with the k of the first of {@code keys} that is there. */
  ActivationFunction.TopK topK(int absent, int latents, String... keys) throws SaeFileException {
    int k = integer(absent, keys);
    if (k < 1 || k > latents) {
      throw problem("k %d (expected: 1 to %d, the latents)".formatted(k, latents));
    }
    return new ActivationFunction.TopK(k);
  }

  /** Refuses a flag that is set. */
  void refuse(String key) throws SaeFileException {
    if (flag(key, false)) {
      throw problem(key + " true (expected: false)");
    }
  }

  static SaeFileException problem(String message) {
    return new SaeFileException(NAME + ": " + message);
  }
}
