// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.saeflow.kernels.device.Device;
import io.saeflow.processors.encode.NonFinitePolicy;
import io.saeflow.producer.gpt2.ModelDtype;
import io.saeflow.schemas.stream.ActivationDtype;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Reads one YAML file into {@link Settings}. */
final class YamlSettings {
  private static final ObjectMapper YAML =
      new ObjectMapper(new YAMLFactory())
          .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
  private static final List<String> SAE_KEYS = List.of("path", "hook", "id", "sae-path");

  private final Path file;

  YamlSettings(Path file) {
    this.file = file;
  }

  Settings read() {
    JsonNode root = tree();
    if (!root.isObject()) {
      throw new BadInputException(file + ": no settings (expected: lines of 'key: value')");
    }
    Settings settings = new Settings();
    for (Map.Entry<String, JsonNode> entry : root.properties()) {
      Setting setting =
          Setting.ofKey(entry.getKey()).orElseThrow(() -> unknown(entry.getKey(), Setting.known()));
      set(settings, setting, entry.getValue());
    }
    return settings;
  }

  private JsonNode tree() {
    try {
      return YAML.readTree(Files.readAllBytes(file));
    } catch (JsonProcessingException e) {
      JsonLocation at = e.getLocation();
      String message = e.getOriginalMessage().lines().findFirst().orElse("");
      String place = at == null ? "" : " at line " + at.getLineNr();
      throw new BadInputException("%s: not YAML%s: %s".formatted(file, place, message), e);
    } catch (IOException e) {
      throw new BadInputException(
          "config: %s (expected: a file that can be read)".formatted(file), e);
    }
  }

  private void set(Settings settings, Setting setting, JsonNode value) {
    String key = setting.key();
    Setting.Kind kind = setting.kind();
    Function<JsonNode, BadInputException> wrong = node -> wrong(key, node, kind.expectation());
    switch (kind) {
      case TEXT -> settings.text(setting, text(value, wrong));
      case PATH -> settings.path(setting, path(value, wrong));
      case PATHS -> settings.paths(setting, list(value, node -> path(node, wrong)));
      case FLAG -> settings.flag(setting, flag(value, wrong));
      case NUMBER -> settings.number(setting, number(value, wrong));
      case TOKEN_COUNT -> settings.maxTokens(tokenCount(value, wrong));
      case NAMES -> settings.sinks(list(value, node -> text(node, wrong)));
      case LABELS -> settings.labels(list(value, node -> text(node, wrong)));
      case PROPERTIES -> settings.kafka(kafka(value, wrong));
      case SAES -> settings.saes(saes(value, wrong));
      case SEPARATOR ->
          settings.documentSeparator(constant(DocumentSeparator.values(), value, wrong));
      case ACTIVATION_DTYPE ->
          settings.activationDtype(constant(ActivationDtype.values(), value, wrong));
      case MODEL_DTYPE -> settings.modelDtype(constant(ModelDtype.values(), value, wrong));
      case MODEL_DEVICE -> settings.modelDevice(device(value, wrong));
      case NON_FINITE -> settings.nonFinite(constant(NonFinitePolicy.values(), value, wrong));
      case ENCODE_AT -> settings.encodeAt(constant(EncodeAt.values(), value, wrong));
      case DEVICE -> settings.device(device(value, wrong));
      case KEPT -> settings.keep(list(value, node -> constant(Kept.values(), node, wrong)));
      case EXISTING_OUTPUT ->
          settings.existingOutput(constant(ExistingOutput.values(), value, wrong));
    }
  }

  private static Device device(JsonNode value, Function<JsonNode, BadInputException> wrong) {
    try {
      return Device.parse(text(value, wrong));
    } catch (IllegalArgumentException e) {
      throw wrong.apply(value);
    }
  }

  private List<SaeEntry> saes(JsonNode value, Function<JsonNode, BadInputException> wrong) {
    if (!value.isArray()) {
      throw wrong.apply(value);
    }
    List<SaeEntry> entries = new ArrayList<>();
    for (int i = 0; i < value.size(); i++) {
      JsonNode node = value.get(i);
      if (!node.isObject()) {
        throw wrong.apply(node);
      }
      String place = "saes[%d]".formatted(i);
      for (Map.Entry<String, JsonNode> field : node.properties()) {
        if (!SAE_KEYS.contains(field.getKey())) {
          throw unknown(place + "." + field.getKey(), String.join(", ", SAE_KEYS));
        }
      }
      if (!node.has("path")) {
        throw new BadInputException("%s: %s.path: missing".formatted(file, place));
      }
      entries.add(
          new SaeEntry(
              path(node.get("path"), wrongly(place + ".path", "a path")),
              optionalText(node, place, "hook"),
              optionalText(node, place, "id"),
              optionalText(node, place, "sae-path")));
    }
    return entries;
  }

  private @Nullable String optionalText(JsonNode entry, String place, String key) {
    JsonNode value = entry.get(key);
    return value == null ? null : text(value, wrongly(place + "." + key, "text"));
  }

  private Map<String, String> kafka(JsonNode value, Function<JsonNode, BadInputException> wrong) {
    if (!value.isObject()) {
      throw wrong.apply(value);
    }
    Map<String, String> properties = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> property : value.properties()) {
      if (!property.getValue().isValueNode() || property.getValue().isNull()) {
        // The value itself may be a secret, and is not shown.
        throw new BadInputException(
            "%s: kafka.%s: (expected: text, a number, true or false)"
                .formatted(file, property.getKey()));
      }
      properties.put(property.getKey(), property.getValue().asText());
    }
    return properties;
  }

  private Path path(JsonNode value, Function<JsonNode, BadInputException> wrong) {
    try {
      Path folder = Optional.ofNullable(file.getParent()).orElse(Path.of(""));
      return folder.resolve(text(value, wrong));
    } catch (InvalidPathException e) {
      throw wrong.apply(value);
    }
  }

  private static String text(JsonNode value, Function<JsonNode, BadInputException> wrong) {
    if (!value.isTextual() || value.textValue().isEmpty()) {
      throw wrong.apply(value);
    }
    return value.textValue();
  }

  private static boolean flag(JsonNode value, Function<JsonNode, BadInputException> wrong) {
    if (!value.isBoolean()) {
      throw wrong.apply(value);
    }
    return value.booleanValue();
  }

  private static long number(JsonNode value, Function<JsonNode, BadInputException> wrong) {
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw wrong.apply(value);
    }
    return value.longValue();
  }

  private static long tokenCount(JsonNode value, Function<JsonNode, BadInputException> wrong) {
    if (value.isIntegralNumber()) {
      return number(value, wrong);
    }
    try {
      return TokenCount.parse(text(value, wrong));
    } catch (IllegalArgumentException e) {
      throw wrong.apply(value);
    }
  }

  private static <T extends Enum<T>> T constant(
      T[] constants, JsonNode value, Function<JsonNode, BadInputException> wrong) {
    String name = text(value, wrong);
    for (T constant : constants) {
      if (constant.name().toLowerCase(Locale.ROOT).equals(name)) {
        return constant;
      }
    }
    throw wrong.apply(value);
  }

  private static <T> List<T> list(JsonNode value, Function<JsonNode, T> element) {
    if (!value.isArray()) {
      return List.of(element.apply(value));
    }
    List<T> elements = new ArrayList<>();
    value.forEach(node -> elements.add(element.apply(node)));
    return elements;
  }

  private Function<JsonNode, BadInputException> wrongly(String key, String expectation) {
    return node -> wrong(key, node, expectation);
  }

  private BadInputException wrong(String key, JsonNode value, String expectation) {
    return new BadInputException(
        "%s: %s: %s (expected: %s)".formatted(file, key, value, expectation));
  }

  private BadInputException unknown(String key, String known) {
    return new BadInputException(
        "%s: unknown key '%s' (expected one of: %s)".formatted(file, key, known));
  }
}
