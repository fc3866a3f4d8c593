// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.schemas.hook.HookLocation;
import io.saeflow.schemas.hook.HookPoint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The sizes of a GPT-2.
 *
 * @param layers how many blocks
 * @param heads attention heads of a block; divides {@code width}
 * @param width the residual stream's width
 * @param innerWidth the MLP's hidden width
 * @param vocabularySize how many token ids there are
 * @param positions the longest context
 * @param layerNormEpsilon added to the variance, inside the root
 * @param bosToken the token id that begins a text, if the file names one
 * @param eosToken the token id that ends a text, if the file names one
 */
public record Gpt2Config(
    int layers,
    int heads,
    int width,
    int innerWidth,
    int vocabularySize,
    int positions,
    double layerNormEpsilon,
    OptionalInt bosToken,
    OptionalInt eosToken) {

  /** All of these name the tanh form of GELU. */
  private static final Set<String> TANH_GELU = Set.of("gelu_new", "gelu_pytorch_tanh");

  private static final String DEFAULT_ACTIVATION_FUNCTION = "gelu_new";
  private static final double DEFAULT_LAYER_NORM_EPSILON = 1e-5;

  /**
   * Reads a {@code config.json}.
   *
   * @throws ModelException if it cannot be read, a size is missing or impossible, or a field asks
   *     for arithmetic that is not implemented here
   */
  public static Gpt2Config read(Path file) throws ModelException {
    JsonNode json;
    try {
      json = new ObjectMapper().readTree(file.toFile());
    } catch (JsonProcessingException e) {
      throw new ModelException("%s: not valid JSON: %s".formatted(file, e.getOriginalMessage()), e);
    } catch (IOException e) {
      throw new ModelException("%s: cannot be read: %s".formatted(file, e), e);
    }
    if (!json.isObject()) {
      throw new ModelException("%s: not a JSON object".formatted(file));
    }
    return new Reader(file, json).read();
  }

  /**
   * The width of the activations at {@code hook}.
   *
   * @throws IllegalArgumentException if the model has no such layer
   */
  public int width(HookPoint hook) {
    if (hook.layer() >= layers) {
      throw new IllegalArgumentException(
          "hook %s: layer %d (expected: below the model's %d)"
              .formatted(hook, hook.layer(), layers));
    }
    return hook.location() == HookLocation.MLP_POST ? innerWidth : width;
  }

  private record Reader(Path file, JsonNode json) {
    Gpt2Config read() throws ModelException {
      refuseOtherArithmetic();
      int layers = size("n_layer", null);
      int heads = size("n_head", null);
      int width = size("n_embd", null);
      if (width % heads != 0) {
        throw refused("n_embd", width, "a multiple of n_head, " + heads);
      }
      return new Gpt2Config(
          layers,
          heads,
          width,
          size("n_inner", 4L * width),
          size("vocab_size", null),
          size("n_positions", null),
          layerNormEpsilon(),
          token("bos_token_id"),
          token("eos_token_id"));
    }

    private void refuseOtherArithmetic() throws ModelException {
      JsonNode modelType = json.path("model_type");
      if (!modelType.asText().equals("gpt2")) {
        throw refused("model_type", modelType, "\"gpt2\"");
      }
      JsonNode activation = json.path("activation_function");
      if (!TANH_GELU.contains(activation.asText(DEFAULT_ACTIVATION_FUNCTION))) {
        throw refused("activation_function", activation, "gelu_new or gelu_pytorch_tanh");
      }
      require("scale_attn_weights", true);
      require("scale_attn_by_inverse_layer_idx", false);
      require("reorder_and_upcast_attn", false);
      require("add_cross_attention", false);
    }

    private void require(String field, boolean implemented) throws ModelException {
      JsonNode value = json.path(field);
      if (isPresent(value) && !(value.isBoolean() && value.asBoolean() == implemented)) {
        throw refused(field, value, implemented);
      }
    }

    private int size(String field, @Nullable Long whenAbsent) throws ModelException {
      JsonNode value = json.path(field);
      if (!isPresent(value) && whenAbsent != null && whenAbsent <= Integer.MAX_VALUE) {
        return whenAbsent.intValue();
      }
      if (!value.canConvertToInt() || !value.isIntegralNumber() || value.asInt() < 1) {
        throw refused(field, value, "an integer >= 1");
      }
      return value.asInt();
    }

    private double layerNormEpsilon() throws ModelException {
      JsonNode value = json.path("layer_norm_epsilon");
      if (!isPresent(value)) {
        return DEFAULT_LAYER_NORM_EPSILON;
      }
      if (!value.isNumber() || !(value.asDouble() >= 0) || Double.isInfinite(value.asDouble())) {
        throw refused("layer_norm_epsilon", value, "a number >= 0");
      }
      return value.asDouble();
    }

    private OptionalInt token(String field) throws ModelException {
      JsonNode value = json.path(field);
      if (!isPresent(value)) {
        return OptionalInt.empty();
      }
      if (!value.canConvertToInt() || !value.isIntegralNumber() || value.asInt() < 0) {
        throw refused(field, value, "an integer >= 0");
      }
      return OptionalInt.of(value.asInt());
    }

    private static boolean isPresent(JsonNode value) {
      return !value.isMissingNode() && !value.isNull();
    }

    private ModelException refused(String field, Object value, Object expected) {
      Object shown = value instanceof JsonNode node && node.isMissingNode() ? "missing" : value;
      return new ModelException(
          "%s: %s: %s (expected: %s)".formatted(file, field, shown, expected));
    }
  }
}
