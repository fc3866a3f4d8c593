// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import io.saeflow.kernels.device.Device;
import io.saeflow.processors.aggregate.LabelField;
import io.saeflow.processors.encode.NonFinitePolicy;
import io.saeflow.producer.gpt2.ModelDtype;
import io.saeflow.producer.gpt2.WritingWeights;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationDtype;
import io.saeflow.sinks.SinkKind;
import io.saeflow.sinks.SinksConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;

/**
 * What was asked for, before defaults: some of {@link Setting}, from a file or from a line.
 *
 * <p>Settings are collected with the setters, layered with {@link #overriddenBy}, and become a
 * checked {@link RunConfig} at the end. Not safe for use by several threads.
 */
public final class Settings {
  private final Map<Setting, Object> values = new EnumMap<>(Setting.class);

  /** Nothing asked for. */
  public Settings() {}

  /**
   * The settings of a YAML file; its relative paths start at the file's folder.
   *
   * @throws BadInputException if it cannot be read, holds an unknown key, or a value of the wrong
   *     kind; the message names the file and the key
   */
  public static Settings ofYaml(Path file) {
    return new YamlSettings(file).read();
  }

  /** Sets a name or other text. */
  public Settings text(Setting setting, String value) {
    return put(setting, value, Setting.Kind.TEXT);
  }

  /** Sets a path; a relative one starts at the working directory. */
  public Settings path(Setting setting, Path value) {
    return put(setting, value, Setting.Kind.PATH);
  }

  /** Sets a list of paths. */
  public Settings paths(Setting setting, List<Path> value) {
    return put(setting, List.copyOf(value), Setting.Kind.PATHS);
  }

  /** Sets a flag. */
  public Settings flag(Setting setting, boolean value) {
    return put(setting, value, Setting.Kind.FLAG);
  }

  /** Sets a whole number. */
  public Settings number(Setting setting, long value) {
    return put(setting, value, Setting.Kind.NUMBER);
  }

  /** Sets how many tokens to read at most. */
  public Settings maxTokens(long value) {
    return put(Setting.MAX_TOKENS, value, Setting.Kind.TOKEN_COUNT);
  }

  /** Sets which outputs to write. */
  public Settings sinks(List<String> value) {
    return put(Setting.SINKS, List.copyOf(value), Setting.Kind.NAMES);
  }

  /** Sets which sinks latents are kept for. */
  public Settings latentSinks(List<String> value) {
    return put(Setting.LATENT_SINKS, List.copyOf(value), Setting.Kind.NAMES);
  }

  /** Sets the fields to count by, each {@code FIELD} or {@code FIELD:WIDTH}. */
  public Settings labels(List<String> value) {
    return put(Setting.LABELS, List.copyOf(value), Setting.Kind.LABELS);
  }

  /** Sets the token before each document. */
  public Settings documentSeparator(DocumentSeparator value) {
    return put(Setting.DOCUMENT_SEPARATOR, value, Setting.Kind.SEPARATOR);
  }

  /** Sets in what the model multiplies. */
  public Settings modelDtype(ModelDtype value) {
    return put(Setting.MODEL_DTYPE, value, Setting.Kind.MODEL_DTYPE);
  }

  /** Sets where the model runs. */
  public Settings modelDevice(Device value) {
    return put(Setting.MODEL_DEVICE, value, Setting.Kind.MODEL_DEVICE);
  }

  /** Sets in what activations are published. */
  public Settings activationDtype(ActivationDtype value) {
    return put(Setting.ACTIVATION_DTYPE, value, Setting.Kind.ACTIVATION_DTYPE);
  }

  /** Sets what becomes of tokens with activations that are not finite. */
  public Settings nonFinite(NonFinitePolicy value) {
    return put(Setting.NON_FINITE, value, Setting.Kind.NON_FINITE);
  }

  /** Sets who encodes activations. */
  public Settings encodeAt(EncodeAt value) {
    return put(Setting.ENCODE_AT, value, Setting.Kind.ENCODE_AT);
  }

  /** Sets where a process encodes and aggregates. */
  public Settings device(Device value) {
    return put(Setting.DEVICE, value, Setting.Kind.DEVICE);
  }

  /** Sets what stays on its topics. */
  public Settings keep(List<Kept> value) {
    return put(Setting.KEEP, List.copyOf(value), Setting.Kind.KEPT);
  }

  /** Sets what to do with an output folder that is not empty. */
  public Settings existingOutput(ExistingOutput value) {
    return put(Setting.EXISTING_OUTPUT, value, Setting.Kind.EXISTING_OUTPUT);
  }

  /** Sets the autoencoders. */
  public Settings saes(List<SaeEntry> value) {
    return put(Setting.SAES, List.copyOf(value), Setting.Kind.SAES);
  }

  /** Sets Kafka client properties. */
  public Settings kafka(Map<String, String> value) {
    return put(Setting.KAFKA, Map.copyOf(value), Setting.Kind.PROPERTIES);
  }

  /**
   * These settings, with those of {@code others} in place of the same ones here. Kafka properties
   * are replaced one by one; text and tokens replace each other.
   */
  public Settings overriddenBy(Settings others) {
    Settings merged = new Settings();
    merged.values.putAll(values);
    if (others.values.containsKey(Setting.TEXT) || others.values.containsKey(Setting.TOKENS)) {
      merged.values.remove(Setting.TEXT);
      merged.values.remove(Setting.TOKENS);
    }
    merged.values.putAll(others.values);
    Map<String, String> kafka = new LinkedHashMap<>(properties(Setting.KAFKA));
    kafka.putAll(others.properties(Setting.KAFKA));
    if (!kafka.isEmpty()) {
      merged.kafka(kafka);
    }
    return merged;
  }

  /**
   * The run that these settings describe, every other value at its default.
   *
   * @throws BadInputException if one is missing or wrong; the message names it
   */
  public RunConfig toRunConfig() {
    ModelConfig model = model();
    return new RunConfig(
        runId(),
        model,
        corpus(),
        saeConfigs(),
        new StatisticsConfig(
            integer(Setting.TOP).orElse(StatisticsConfig.DEFAULT_TOP),
            integer(Setting.RANDOM).orElse(StatisticsConfig.DEFAULT_RANDOM),
            integer(Setting.WINDOW).orElse(StatisticsConfig.DEFAULT_WINDOW),
            optional(Setting.SEED, Long.class).orElse(StatisticsConfig.DEFAULT_SEED),
            labels(),
            optional(Setting.NON_FINITE, NonFinitePolicy.class)
                .orElse(StatisticsConfig.DEFAULT_NON_FINITE)),
        toStreamConfig(),
        optional(Setting.SUBJECT, String.class)
            .orElseGet(
                () -> Expectation.toFolderName(Expectation.lastName(model.directory()), "model")),
        device());
  }

  /**
   * What these settings say of topics and clients, every other value at its default.
   *
   * @throws BadInputException if one is wrong; the message names it
   */
  public StreamConfig toStreamConfig() {
    return new StreamConfig(
        optional(Setting.BOOTSTRAP_SERVERS, String.class).orElse(StreamConfig.EMBEDDED),
        integer(Setting.PARTITIONS).orElse(StreamConfig.DEFAULT_PARTITIONS),
        integer(Setting.FEATURE_RANGES),
        integer(Setting.STREAM_THREADS).orElseGet(StreamConfig::defaultThreads),
        integer(Setting.MAX_WAITING_BATCHES),
        optional(Setting.ENCODE_AT, EncodeAt.class).orElse(EncodeAt.PROCESS),
        kept(),
        integer(Setting.METRICS_PORT),
        properties(Setting.KAFKA));
  }

  /**
   * Where and what these settings say to write.
   *
   * @throws BadInputException if one is missing or wrong; the message names it
   */
  public OutputConfig toOutputConfig() {
    return new OutputConfig(
        required(Setting.OUT, Path.class),
        optional(Setting.EXISTING_OUTPUT, ExistingOutput.class).orElse(ExistingOutput.REFUSE),
        sinkKinds());
  }

  /**
   * What these settings say of the process that does a role of a run.
   *
   * @param defaultName its name if none is given
   * @throws BadInputException if a value is missing or wrong; the message names it
   */
  public RoleConfig toRoleConfig(String defaultName) {
    StreamConfig stream = toStreamConfig();
    if (stream.embedded()) {
      throw new BadInputException(
          "bootstrap-servers: missing (expected: --bootstrap-servers HOST:PORT,..., or bootstrap-servers in the --config file)");
    }
    return new RoleConfig(
        runId(),
        optional(Setting.NAME, String.class).orElse(defaultName),
        stream,
        optional(Setting.STATE, Path.class),
        integer(Setting.THREADS),
        device());
  }

  /**
   * The model's folder.
   *
   * @throws BadInputException if it is missing
   */
  public Path toModel() {
    return required(Setting.MODEL, Path.class);
  }

  /** Where the model is to run; empty if that is not given. */
  public Optional<Device> toModelDevice() {
    return optional(Setting.MODEL_DEVICE, Device.class);
  }

  /** The files and folders of autoencoders; empty if none are given. */
  public List<Path> toSaePaths() {
    return values.containsKey(Setting.SAES)
        ? list(Setting.SAES, SaeEntry.class).stream().map(SaeEntry::path).toList()
        : List.of();
  }

  /**
   * The autoencoders.
   *
   * @throws BadInputException if there are none, or one is described wrongly
   */
  public List<SaeConfig> toSaeConfigs() {
    return saeConfigs();
  }

  /** The tokenizer's folder, or that of the model; empty if neither is given. */
  public Optional<Path> toTokenizer() {
    return optional(Setting.TOKENIZER, Path.class).or(() -> optional(Setting.MODEL, Path.class));
  }

  /** The names of the sinks that latents are kept for. */
  public List<String> toLatentSinks() {
    return values.containsKey(Setting.LATENT_SINKS)
        ? list(Setting.LATENT_SINKS, String.class)
        : List.of(SinksConfig.DEFAULT_NAME);
  }

  private String runId() {
    Optional<String> id = optional(Setting.RUN_ID, String.class);
    if (id.isPresent()) {
      return id.get();
    }
    if (!values.containsKey(Setting.OUT)) {
      return required(Setting.RUN_ID, String.class);
    }
    return Expectation.toRunId(Expectation.lastName(required(Setting.OUT, Path.class)), "run");
  }

  private Device device() {
    return optional(Setting.DEVICE, Device.class).orElse(RunConfig.DEFAULT_DEVICE);
  }

  private ModelConfig model() {
    Path directory = required(Setting.MODEL, Path.class);
    return new ModelConfig(
        directory,
        optional(Setting.TOKENIZER, Path.class).orElse(directory),
        optional(Setting.CENTER_WRITING_WEIGHTS, Boolean.class).orElse(false)
            ? WritingWeights.CENTRED
            : WritingWeights.AS_STORED,
        optional(Setting.MODEL_DTYPE, ModelDtype.class).orElse(ModelDtype.FLOAT32),
        toModelDevice().orElse(new Device.Cpu()),
        optional(Setting.ACTIVATION_DTYPE, ActivationDtype.class).orElse(ActivationDtype.FLOAT32),
        integer(Setting.THREADS).orElseGet(ModelConfig::defaultThreads));
  }

  private CorpusConfig corpus() {
    Optional<Long> maxTokens = optional(Setting.MAX_TOKENS, Long.class);
    return new CorpusConfig(
        source(),
        integer(Setting.CONTEXT_LENGTH),
        optional(Setting.PREPEND_BOS, Boolean.class).orElse(CorpusConfig.DEFAULT_PREPEND_BOS),
        optional(Setting.DOCUMENT_SEPARATOR, DocumentSeparator.class)
            .orElse(CorpusConfig.DEFAULT_SEPARATOR),
        integer(Setting.BATCH_SIZE).orElse(CorpusConfig.DEFAULT_BATCH_SIZE),
        maxTokens.isPresent() ? OptionalLong.of(maxTokens.get()) : OptionalLong.empty());
  }

  private CorpusSource source() {
    boolean text = values.containsKey(Setting.TEXT);
    if (text == values.containsKey(Setting.TOKENS)) {
      throw new BadInputException(
          "text and tokens: %s (expected: exactly one of them)".formatted(text ? "both" : "none"));
    }
    Optional<String> field = optional(Setting.TEXT_FIELD, String.class);
    if (text) {
      return new CorpusSource.Text(
          list(Setting.TEXT, Path.class), field.orElse(CorpusSource.Text.DEFAULT_FIELD));
    }
    if (field.isPresent()) {
      throw new BadInputException(
          "text-field: '%s' (expected: none with tokens)".formatted(field.get()));
    }
    return new CorpusSource.Tokens(required(Setting.TOKENS, Path.class));
  }

  private List<SaeConfig> saeConfigs() {
    if (!values.containsKey(Setting.SAES)) {
      throw new BadInputException(
          "sae: missing (expected: --sae PATH, or saes in the --config file)");
    }
    List<SaeEntry> entries = list(Setting.SAES, SaeEntry.class);
    Set<String> taken = new HashSet<>();
    for (SaeEntry entry : entries) {
      if (entry.id() != null) {
        taken.add(entry.id());
      }
    }
    List<SaeConfig> configs = new ArrayList<>();
    for (SaeEntry entry : entries) {
      Optional<HookPoint> hook = Optional.ofNullable(entry.hook()).map(Settings::hook);
      String id =
          entry.id() != null ? entry.id() : unique(SaeConfig.defaultId(entry.path(), hook), taken);
      String viewerPath = entry.viewerPath() != null ? entry.viewerPath() : id;
      configs.add(new SaeConfig(id, entry.path(), hook, viewerPath));
    }
    return configs;
  }

  private Set<SinkKind> sinkKinds() {
    if (!values.containsKey(Setting.SINKS)) {
      return OutputConfig.DEFAULT_SINKS;
    }
    Set<SinkKind> kinds = EnumSet.noneOf(SinkKind.class);
    for (String name : list(Setting.SINKS, String.class)) {
      try {
        kinds.add(SinkKind.parse(name));
      } catch (IllegalArgumentException e) {
        throw new BadInputException(e.getMessage(), e);
      }
    }
    return kinds;
  }

  private Set<Kept> kept() {
    return values.containsKey(Setting.KEEP) ? Set.copyOf(list(Setting.KEEP, Kept.class)) : Set.of();
  }

  private List<LabelField> labels() {
    if (!values.containsKey(Setting.LABELS)) {
      return List.of();
    }
    return list(Setting.LABELS, String.class).stream().map(Settings::label).toList();
  }

  private static LabelField label(String text) {
    try {
      return LabelField.parse(text);
    } catch (IllegalArgumentException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }

  private static HookPoint hook(String name) {
    try {
      return HookPoint.parse(name);
    } catch (IllegalArgumentException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }

  private static String unique(String id, Set<String> taken) {
    String candidate = id;
    for (int i = 2; !taken.add(candidate); i++) {
      String suffix = "-" + i;
      candidate = id.substring(0, Math.min(id.length(), 100 - suffix.length())) + suffix;
    }
    return candidate;
  }

  private OptionalInt integer(Setting setting) {
    Optional<Long> value = optional(setting, Long.class);
    if (value.isEmpty()) {
      return OptionalInt.empty();
    }
    long number = value.get();
    if (number != (int) number) {
      throw new BadInputException(
          "%s: %d (expected: at most %d)".formatted(setting.key(), number, Integer.MAX_VALUE));
    }
    return OptionalInt.of((int) number);
  }

  private Map<String, String> properties(Setting setting) {
    Map<String, String> properties = new LinkedHashMap<>();
    if (values.get(setting) instanceof Map<?, ?> map) {
      map.forEach((key, value) -> properties.put((String) key, (String) value));
    }
    return properties;
  }

  private <T> List<T> list(Setting setting, Class<T> type) {
    return ((List<?>) required(setting, List.class)).stream().map(type::cast).toList();
  }

  private <T> Optional<T> optional(Setting setting, Class<T> type) {
    return Optional.ofNullable(values.get(setting)).map(type::cast);
  }

  private <T> T required(Setting setting, Class<T> type) {
    return optional(setting, type)
        .orElseThrow(
            () ->
                new BadInputException(
                    "%s: missing (expected: --%s, or %s in the --config file)"
                        .formatted(setting.key(), setting.key(), setting.key())));
  }

  private Settings put(Setting setting, Object value, Setting.Kind kind) {
    if (setting.kind() != kind) {
      throw new IllegalArgumentException(
          "%s as %s (expected: %s)"
              .formatted(setting.key(), kind.expectation(), setting.kind().expectation()));
    }
    values.put(setting, value);
    return this;
  }
}
