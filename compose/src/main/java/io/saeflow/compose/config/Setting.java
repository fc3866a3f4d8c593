// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import io.saeflow.kernels.device.Device;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** Everything that can be set, under the name that it has in a file and, with dashes, on a line. */
public enum Setting {
  RUN_ID(Kind.TEXT),

  MODEL(Kind.PATH),
  TOKENIZER(Kind.PATH),
  CENTER_WRITING_WEIGHTS(Kind.FLAG),
  MODEL_DTYPE(Kind.MODEL_DTYPE),
  MODEL_DEVICE(Kind.MODEL_DEVICE),
  ACTIVATION_DTYPE(Kind.ACTIVATION_DTYPE),
  THREADS(Kind.NUMBER),
  TEXT(Kind.PATHS),
  TEXT_FIELD(Kind.TEXT),
  TOKENS(Kind.PATH),
  CONTEXT_LENGTH(Kind.NUMBER),
  PREPEND_BOS(Kind.FLAG),
  DOCUMENT_SEPARATOR(Kind.SEPARATOR),
  BATCH_SIZE(Kind.NUMBER),
  MAX_TOKENS(Kind.TOKEN_COUNT),
  SAES(Kind.SAES),
  TOP(Kind.NUMBER),
  RANDOM(Kind.NUMBER),
  WINDOW(Kind.NUMBER),
  SEED(Kind.NUMBER),
  LABELS(Kind.LABELS),
  NON_FINITE(Kind.NON_FINITE),
  PARTITIONS(Kind.NUMBER),
  FEATURE_RANGES(Kind.NUMBER),
  STREAM_THREADS(Kind.NUMBER),
  MAX_WAITING_BATCHES(Kind.NUMBER),
  ENCODE_AT(Kind.ENCODE_AT),
  DEVICE(Kind.DEVICE),
  KEEP(Kind.KEPT),
  LATENT_SINKS(Kind.NAMES),
  METRICS_PORT(Kind.NUMBER),
  NAME(Kind.TEXT),
  STATE(Kind.PATH),
  BOOTSTRAP_SERVERS(Kind.TEXT),
  KAFKA(Kind.PROPERTIES),
  SINKS(Kind.NAMES),
  SUBJECT(Kind.TEXT),
  OUT(Kind.PATH),
  EXISTING_OUTPUT(Kind.EXISTING_OUTPUT);

  /** What a value may be. */
  enum Kind {
    TEXT("text"),
    PATH("a path"),
    PATHS("a path or a list of paths"),
    FLAG("true or false"),
    NUMBER("a whole number"),
    TOKEN_COUNT("a number of tokens such as 200000, 200_000, 200k or 2m"),
    NAMES("a name or a list of names"),
    LABELS("FIELD or FIELD:WIDTH, or a list of them"),
    PROPERTIES("keys and values"),
    SAES("a list of entries with path and, if need be, hook, id and sae-path"),
    SEPARATOR("none, bos or eos"),
    MODEL_DTYPE("float32 or bfloat16"),
    MODEL_DEVICE(ModelConfig.DEVICES),
    ACTIVATION_DTYPE("float32 or float16"),
    NON_FINITE("skip or fail"),
    ENCODE_AT("process or producer"),
    DEVICE(Device.EXPECTATION),
    KEPT("activations, latents, or a list of them"),
    EXISTING_OUTPUT("refuse, resume or overwrite");

    private final String expectation;

    Kind(String expectation) {
      this.expectation = expectation;
    }

    String expectation() {
      return expectation;
    }
  }

  private final Kind kind;

  Setting(Kind kind) {
    this.kind = kind;
  }

  /** The kebab-case name. */
  public String key() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  Kind kind() {
    return kind;
  }

  static Optional<Setting> ofKey(String key) {
    return Arrays.stream(values()).filter(setting -> setting.key().equals(key)).findFirst();
  }

  static String known() {
    return Arrays.stream(values()).map(Setting::key).collect(Collectors.joining(", "));
  }
}
