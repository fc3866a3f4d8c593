// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.kernels.device.Device;
import io.saeflow.processors.aggregate.LabelField;
import io.saeflow.processors.encode.NonFinitePolicy;
import io.saeflow.producer.gpt2.ModelDtype;
import io.saeflow.producer.gpt2.WritingWeights;
import io.saeflow.schemas.hook.HookLocation;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationDtype;
import io.saeflow.sinks.SinkKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsTest {
  private static final HookPoint RESID_POST_8 = new HookPoint(8, HookLocation.RESID_POST);

  @TempDir private Path folder;

  @Test
  void allDefaults() {
    RunConfig config = minimal().toRunConfig();

    int cores = Runtime.getRuntime().availableProcessors();
    int halfTheCores = Math.max(1, cores / 2);
    assertThat(config)
        .isEqualTo(
            new RunConfig(
                "out-v1-2",
                new ModelConfig(
                    Path.of("models/gpt2"),
                    Path.of("models/gpt2"),
                    WritingWeights.AS_STORED,
                    ModelDtype.FLOAT32,
                    new Device.Cpu(),
                    ActivationDtype.FLOAT32,
                    cores),
                new CorpusConfig(
                    new CorpusSource.Text(List.of(Path.of("a.txt")), "text"),
                    OptionalInt.empty(),
                    true,
                    DocumentSeparator.EOS,
                    8,
                    OptionalLong.empty()),
                List.of(new SaeConfig("sae", Path.of("x/sae.pt"), Optional.empty(), "sae")),
                new StatisticsConfig(20, 20, 64, 0, List.of(), NonFinitePolicy.SKIP),
                new StreamConfig(
                    "embedded",
                    1,
                    OptionalInt.empty(),
                    halfTheCores,
                    OptionalInt.empty(),
                    EncodeAt.PROCESS,
                    Set.of(),
                    OptionalInt.empty(),
                    Map.of()),
                "gpt2",
                new Device.Cpu()));
    assertThat(minimal().toOutputConfig())
        .isEqualTo(
            new OutputConfig(
                Path.of("work/out v1.2"), ExistingOutput.REFUSE, EnumSet.allOf(SinkKind.class)));
    assertThat(config.stream().embedded()).isTrue();
    assertThat(config.stream().featureRangesFor(4096)).isEqualTo(5);
    assertThat(config.stream().featureRangesFor(3)).isEqualTo(3);
    assertThat(config.corpus().contextLengthFor(1024)).isEqualTo(256);
    assertThat(config.corpus().contextLengthFor(64)).isEqualTo(64);
  }

  @Test
  void allKeys() throws IOException {
    Path file =
        yaml(
            """
            run-id: run_1
            model: gpt2
            tokenizer: /tok
            center-writing-weights: true
            model-dtype: bfloat16
            model-device: cuda:1
            activation-dtype: float32
            threads: 3
            text: [a.jsonl, /data/b.txt]
            text-field: body
            context-length: 128
            prepend-bos: false
            document-separator: bos
            batch-size: 4
            max-tokens: 2m
            saes:
              - path: sae8.pt
                hook: resid_post_mlp/8
                id: eight
                sae-path: v5_32k/layer_8/resid_post_mlp
              - path: saelens
            top: 1
            random: 0
            window: 2
            seed: -7
            labels: [party, year:10]
            non-finite: fail
            partitions: 3
            feature-ranges: 6
            stream-threads: 2
            max-waiting-batches: 7
            encode-at: producer
            device: cuda:1
            keep: [latents]
            metrics-port: 9464
            bootstrap-servers: broker-1:9092,broker-2:9092
            kafka:
              security.protocol: SSL
              request.timeout.ms: 60000
              enable.metrics.push: false
            sinks: [delphi, sae-viewer]
            subject: gpt2-small
            out: out
            existing-output: resume
            """);

    assertThat(Settings.ofYaml(file).toRunConfig())
        .isEqualTo(
            new RunConfig(
                "run_1",
                new ModelConfig(
                    folder.resolve("gpt2"),
                    Path.of("/tok"),
                    WritingWeights.CENTRED,
                    ModelDtype.BFLOAT16,
                    new Device.Cuda(1),
                    ActivationDtype.FLOAT32,
                    3),
                new CorpusConfig(
                    new CorpusSource.Text(
                        List.of(folder.resolve("a.jsonl"), Path.of("/data/b.txt")), "body"),
                    OptionalInt.of(128),
                    false,
                    DocumentSeparator.BOS,
                    4,
                    OptionalLong.of(2_000_000)),
                List.of(
                    new SaeConfig(
                        "eight",
                        folder.resolve("sae8.pt"),
                        Optional.of(RESID_POST_8),
                        "v5_32k/layer_8/resid_post_mlp"),
                    new SaeConfig(
                        "saelens", folder.resolve("saelens"), Optional.empty(), "saelens")),
                new StatisticsConfig(
                    1,
                    0,
                    2,
                    -7,
                    List.of(
                        new LabelField("party", OptionalDouble.empty()),
                        new LabelField("year", OptionalDouble.of(10))),
                    NonFinitePolicy.FAIL),
                new StreamConfig(
                    "broker-1:9092,broker-2:9092",
                    3,
                    OptionalInt.of(6),
                    2,
                    OptionalInt.of(7),
                    EncodeAt.PRODUCER,
                    Set.of(Kept.LATENTS),
                    OptionalInt.of(9464),
                    Map.of(
                        "security.protocol", "SSL",
                        "request.timeout.ms", "60000",
                        "enable.metrics.push", "false")),
                "gpt2-small",
                new Device.Cuda(1)));
    assertThat(Settings.ofYaml(file).toOutputConfig())
        .isEqualTo(
            new OutputConfig(
                folder.resolve("out"),
                ExistingOutput.RESUME,
                EnumSet.of(SinkKind.SAE_VIEWER, SinkKind.DELPHI)));
  }

  @Test
  void readyTokensTakeThePlaceOfText() throws IOException {
    Path file = yaml("model: m\nsaes: [{path: s.pt}]\nout: o\ntext: a.txt\n");

    RunConfig config =
        Settings.ofYaml(file)
            .overriddenBy(new Settings().path(Setting.TOKENS, Path.of("t.npy")))
            .toRunConfig();

    assertThat(config.corpus().source()).isEqualTo(new CorpusSource.Tokens(Path.of("t.npy")));
  }

  @Test
  void theLineWinsOverTheFileAndKafkaPropertiesAreLaidOver() throws IOException {
    Path file =
        yaml(
            """
            model: m
            text: a.txt
            saes: [{path: s.pt}]
            out: o
            top: 5
            window: 32
            kafka: {linger.ms: 5, acks: all}
            """);

    RunConfig config =
        Settings.ofYaml(file)
            .overriddenBy(new Settings().number(Setting.TOP, 7).kafka(Map.of("linger.ms", "0")))
            .toRunConfig();

    assertThat(config.statistics())
        .isEqualTo(new StatisticsConfig(7, 20, 32, 0, List.of(), NonFinitePolicy.SKIP));
    assertThat(config.stream().kafka()).isEqualTo(Map.of("linger.ms", "0", "acks", "all"));
  }

  @Test
  void autoencodersWithoutAnIdGetOneThatIsUnique() {
    RunConfig config =
        minimal()
            .saes(
                List.of(
                    new SaeEntry(Path.of("a/sae.pt"), "blocks.8.hook_resid_post", null, null),
                    new SaeEntry(Path.of("b/sae.pt"), "resid_post_mlp/8", null, null),
                    new SaeEntry(Path.of("b/my sae"), null, null, "v5/x"),
                    new SaeEntry(Path.of("c/my-sae-2"), null, "my-sae", null)))
            .toRunConfig();

    assertThat(config.saes())
        .extracting(SaeConfig::id)
        .containsExactly(
            "sae-blocks.8.hook_resid_post", "sae-blocks.8.hook_resid_post-2", "my-sae-2", "my-sae");
    assertThat(config.saes().get(2).viewerPath()).isEqualTo("v5/x");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          context-length: 1            | context-length: 1 (expected: >= 2)
          batch-size: 0                | batch-size: 0 (expected: >= 1)
          max-tokens: 0                | max-tokens: 0 (expected: >= 1)
          top: -1                      | top: -1 (expected: >= 0)
          random: -1                   | random: -1 (expected: >= 0)
          window: 0                    | window: 0 (expected: >= 1)
          labels: [a, "year:0"]        | label: 'year:0' (expected: FIELD, or FIELD:WIDTH with a number above zero)
          labels: [year, "year:10"]    | label: 'year' twice (expected: each field once)
          threads: 0                   | threads: 0 (expected: >= 1)
          stream-threads: 0            | stream-threads: 0 (expected: >= 1)
          max-waiting-batches: 0       | max-waiting-batches: 0 (expected: >= 1)
          metrics-port: 65536          | metrics-port: 65536 (expected: 0 to 65535)
          partitions: 0                | partitions: 0 (expected: >= 1)
          feature-ranges: 0            | feature-ranges: 0 (expected: >= 1)
          top: 3000000000              | top: 3000000000 (expected: at most 2147483647)
          run-id: a.b                  | run id: 'a.b' (expected: 1 to 100 letters, digits, '-' or '_'
          subject: a/b                 | subject: 'a/b' (expected: 1 to 100 letters
          sinks: [parquet]             | sink: 'parquet' (expected: sae-viewer, neuron-records, delphi, view)
          sinks: []                    | sinks: none (expected: at least one)
          text: []                     | text: no file (expected: at least one)
          tokens: t.npy                | text and tokens: both (expected: exactly one of them)
          bootstrap-servers: ' '       | bootstrap-servers: ' ' (expected: host:port,... or embedded)
          kafka: {bootstrap.servers: x} | kafka: bootstrap.servers (expected: the option bootstrap-servers)
          saes: []                     | saes: none (expected: at least one)
          saes: [{path: a, id: x/y}]   | SAE id: 'x/y' (expected:
          saes: [{path: a, hook: hop}] | hook point: 'hop' (expected one of blocks.L.hook_resid_pre
          saes: [{path: a, sae-path: a/../b}] | sae-path: 'a/../b' (expected: names of
          saes: [{path: a, id: x}, {path: b, id: x}] | SAE id: 'x' twice (expected: unique)
          saes: [{path: a, sae-path: x}, {path: b, sae-path: x}] | sae-path: 'x' twice (expected: unique)
          """)
  void aBadValueIsNamed(String line, String message) throws IOException {
    Settings settings = minimal().overriddenBy(Settings.ofYaml(yaml(line)));
    if (line.startsWith("tokens")) {
      settings.paths(Setting.TEXT, List.of(Path.of("a.txt")));
    }

    assertThatThrownBy(() -> whole(settings))
        .isInstanceOf(BadInputException.class)
        .hasMessageStartingWith(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          top: many             | top: "many" (expected: a whole number)
          top: 1.5              | top: 1.5 (expected: a whole number)
          seed: 99999999999999999999 | seed: 99999999999999999999 (expected: a whole number)
          labels: {year: 10}    | labels: {"year":10} (expected: FIELD or FIELD:WIDTH, or a list of them)
          labels: [1]           | labels: 1 (expected: FIELD or FIELD:WIDTH, or a list of them)
          prepend-bos: often    | prepend-bos: "often" (expected: true or false)
          subject: 42           | subject: 42 (expected: text)
          model:                | model: null (expected: a path)
          model: [a]            | model: ["a"] (expected: a path)
          text: {a: b}          | text: {"a":"b"} (expected: a path or a list of paths)
          max-tokens: 2x        | max-tokens: "2x" (expected: a number of tokens such as
          max-tokens: 9e9b      | max-tokens: "9e9b" (expected: a number of tokens such as
          document-separator: eot | document-separator: "eot" (expected: none, bos or eos)
          existing-output: keep | existing-output: "keep" (expected: refuse, resume or overwrite)
          activation-dtype: 16  | activation-dtype: 16 (expected: float32 or float16)
          model-dtype: float16  | model-dtype: "float16" (expected: float32 or bfloat16)
          model-device: gpu     | model-device: "gpu" (expected: cpu, cuda or cuda:N)
          non-finite: ignore    | non-finite: "ignore" (expected: skip or fail)
          device: gpu           | device: "gpu" (expected: auto, cpu, cuda or cuda:N)
          encode-at: model      | encode-at: "model" (expected: process or producer)
          keep: [tokens]        | keep: "tokens" (expected: activations, latents, or a list of them)
          kafka: ssl            | kafka: "ssl" (expected: keys and values)
          kafka: {sasl.jaas.config: [secret]} | kafka.sasl.jaas.config: (expected: text, a number, true or false)
          saes: a.pt            | saes: "a.pt" (expected: a list of entries with path
          saes: [a.pt]          | saes: "a.pt" (expected: a list of entries with path
          saes: [{hook: x}]     | saes[0].path: missing
          saes: [{path: 3}]     | saes[0].path: 3 (expected: a path)
          saes: [{path: a, hook: 3}] | saes[0].hook: 3 (expected: text)
          saes: [{path: a, hok: b}] | unknown key 'saes[0].hok' (expected one of: path, hook, id, sae-path)
          batchsize: 3          | unknown key 'batchsize' (expected one of: run-id, model, tokenizer,
          """)
  void aFileWithTheWrongKindOfValueIsNamed(String line, String message) throws IOException {
    Path file = yaml(line);

    assertThatThrownBy(() -> Settings.ofYaml(file))
        .isInstanceOf(BadInputException.class)
        .hasMessageStartingWith(file + ": " + message);
  }

  @Test
  void aFileThatIsNoSettingsIsRefused() throws IOException {
    assertThatThrownBy(() -> Settings.ofYaml(yaml("")))
        .hasMessageContaining("no settings (expected: lines of 'key: value')");
    assertThatThrownBy(() -> Settings.ofYaml(yaml("top: 1\ntop: 2\n")))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("not YAML at line 2");
    assertThatThrownBy(() -> Settings.ofYaml(yaml("top: [1\n")))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("not YAML");
    assertThatThrownBy(() -> Settings.ofYaml(folder.resolve("absent.yaml")))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("absent.yaml (expected: a file that can be read)");
  }

  @ParameterizedTest
  @CsvSource({"MODEL, model", "OUT, out"})
  void whatHasNoDefaultIsAskedFor(Setting absent, String key) {
    Settings settings =
        new Settings()
            .paths(Setting.TEXT, List.of(Path.of("a.txt")))
            .saes(List.of(new SaeEntry(Path.of("s"), null, null, null)));
    for (Setting setting : List.of(Setting.MODEL, Setting.OUT)) {
      if (setting != absent) {
        settings.path(setting, Path.of("x"));
      }
    }

    assertThatThrownBy(() -> whole(settings))
        .isInstanceOf(BadInputException.class)
        .hasMessage(
            "%s: missing (expected: --%s, or %s in the --config file)".formatted(key, key, key));
  }

  @Test
  void aCorpusAndAnAutoencoderAreAskedFor() {
    Settings settings =
        new Settings().path(Setting.MODEL, Path.of("m")).path(Setting.OUT, Path.of("o"));

    assertThatThrownBy(() -> whole(settings))
        .hasMessage("text and tokens: none (expected: exactly one of them)");
    assertThatThrownBy(() -> settings.paths(Setting.TEXT, List.of(Path.of("a.txt"))).toRunConfig())
        .hasMessageStartingWith("sae: missing (expected: --sae PATH");
  }

  @Test
  void optionsForTextSayNothingAboutTokens() {
    Settings settings =
        minimal().overriddenBy(new Settings().path(Setting.TOKENS, Path.of("t.npy")));

    assertThatThrownBy(() -> settings.number(Setting.CONTEXT_LENGTH, 64).toRunConfig())
        .isInstanceOf(BadInputException.class)
        .hasMessageStartingWith("context-length: 64 (expected: none with tokens");
    assertThatThrownBy(() -> settings.text(Setting.TEXT_FIELD, "body").toRunConfig())
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("text-field: 'body' (expected: none with tokens)");
    Settings labelled =
        minimal()
            .overriddenBy(new Settings().path(Setting.TOKENS, Path.of("t.npy")))
            .labels(List.of("year:10"));
    assertThatThrownBy(labelled::toRunConfig)
        .isInstanceOf(BadInputException.class)
        .hasMessage(
            "label: 'year:10' (expected: none with tokens, whose documents have no fields)");
  }

  @Test
  void limitsThatDependOnTheModelAndTheSaeAreCheckedAgainstThem() {
    RunConfig config =
        minimal()
            .number(Setting.CONTEXT_LENGTH, 2048)
            .number(Setting.FEATURE_RANGES, 9)
            .toRunConfig();

    assertThatThrownBy(() -> config.corpus().contextLengthFor(1024))
        .isInstanceOf(BadInputException.class)
        .hasMessage("context-length: 2048 (expected: <= 1024, the model's n_positions)");
    assertThatThrownBy(() -> config.stream().featureRangesFor(8))
        .isInstanceOf(BadInputException.class)
        .hasMessage("feature-ranges: 9 (expected: <= 8, the SAE's latents)");
    assertThat(config.stream().featureRangesFor(9)).isEqualTo(9);
  }

  @Test
  void inputsMustBeThere() throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    Path text = Files.writeString(folder.resolve("a.txt"), "a");
    Path sae = Files.writeString(folder.resolve("s.pt"), "s");
    Settings settings =
        new Settings()
            .path(Setting.MODEL, model)
            .paths(Setting.TEXT, List.of(text))
            .saes(List.of(new SaeEntry(sae, null, null, null)))
            .path(Setting.OUT, folder.resolve("out"));
    settings.toRunConfig().requireInputs();

    Path absent = folder.resolve("absent");
    assertMissing(settings, new Settings().path(Setting.MODEL, absent), "model", "a folder");
    assertMissing(
        settings, new Settings().path(Setting.TOKENIZER, absent), "tokenizer", "a folder");
    assertMissing(
        settings,
        new Settings().paths(Setting.TEXT, List.of(text, absent)),
        "text",
        "a file that can be read");
    assertMissing(
        settings, new Settings().path(Setting.TOKENS, absent), "tokens", "a file that can be read");
    assertMissing(
        settings,
        new Settings().saes(List.of(new SaeEntry(absent, null, null, null))),
        "sae",
        "a file or folder that can be read");
  }

  @Test
  void secretsAreNotPrinted() {
    RunConfig config = minimal().kafka(Map.of("sasl.jaas.config", "hunter2")).toRunConfig();

    assertThat(config.toString()).contains("sasl.jaas.config").doesNotContain("hunter2");
  }

  @ParameterizedTest
  @CsvSource({
    "200000, 200000",
    "1_000_000, 1000000",
    "200k, 200000",
    "2M, 2000000",
    "3b, 3000000000"
  })
  void tokenCounts(String text, long expected) {
    assertThat(TokenCount.parse(text)).isEqualTo(expected);
  }

  private static void assertMissing(
      Settings settings, Settings changed, String key, String expectation) {
    assertThatThrownBy(() -> settings.overriddenBy(changed).toRunConfig().requireInputs())
        .isInstanceOf(BadInputException.class)
        .hasMessageStartingWith(key + ": ")
        .hasMessageContaining("absent")
        .hasMessageEndingWith("(expected: %s)".formatted(expectation));
  }

  private static Settings minimal() {
    return new Settings()
        .path(Setting.MODEL, Path.of("models/gpt2"))
        .paths(Setting.TEXT, List.of(Path.of("a.txt")))
        .saes(List.of(new SaeEntry(Path.of("x/sae.pt"), null, null, null)))
        .path(Setting.OUT, Path.of("work/out v1.2"));
  }

  /** A whole run, as {@code saeflow run} reads it. */
  private static void whole(Settings settings) {
    settings.toOutputConfig();
    settings.toRunConfig();
  }

  private Path yaml(String text) throws IOException {
    return Files.writeString(folder.resolve("pipeline.yaml"), text);
  }
}
