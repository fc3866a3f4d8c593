// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.PipelineRunner;
import io.saeflow.compose.RunSummary;
import io.saeflow.compose.config.OutputConfig;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import io.saeflow.compose.output.RunFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code saeflow run}: a model, autoencoders and a corpus of one's own. */
@Command(
    name = "run",
    description = "Run a model over a corpus and write every feature's records.",
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    sortOptions = false,
    footer = {
      "",
      "Any option can stand in the --config file, under the same name without dashes; there,"
          + " 'saes' lists several autoencoders and 'labels' several fields. What is on the line wins."
    })
final class RunCommand implements Callable<Integer> {
  private final PipelineRunner runner;

  @Spec private CommandSpec spec;

  @Mixin private ModelOptions model;

  @Mixin private SaeOptions sae;

  @Mixin private CorpusOptions corpus;

  @Mixin private StatisticsOptions statistics;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Output folder, empty or new. Required.")
  private @Nullable Path out;

  @ArgGroup(exclusive = true)
  private @Nullable ExistingOutputOptions existingOutput;

  @Option(
      names = "--sinks",
      paramLabel = "NAME",
      split = ",",
      description =
          "What to write: sae-viewer, neuron-records, delphi, view. Default: all of them.")
  private @Nullable List<String> sinks;

  @Mixin private TopicOptions topics;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description =
          "Batches that the model runs over at once. Default: as many as there are cores.")
  private @Nullable Long threads;

  @Option(
      names = "--stream-threads",
      paramLabel = "N",
      description = "Threads of the stream stages. Default: half the cores.")
  private @Nullable Long streamThreads;

  @Option(
      names = "--max-waiting-batches",
      paramLabel = "N",
      description =
          "The model waits while more than this many batches in a partition wait for the next"
              + " stage. Default: 64; 1024 with --encode-at producer.")
  private @Nullable Long maxWaitingBatches;

  @Mixin private DeviceOptions device;

  @Mixin private KafkaOptions kafka;

  @Option(
      names = "--view",
      description =
          "Serve the run in the browser while it goes; 'saeflow view' does afterwards. Default:"
              + " no.")
  private boolean viewToo;

  @Mixin private ViewOptions view;

  RunCommand(PipelineRunner runner) {
    this.runner = runner;
  }

  @Override
  public Integer call() throws Exception {
    Settings settings = kafka.over(line());
    OutputConfig output = settings.toOutputConfig();
    RunConfig run = settings.toRunConfig();
    run.requireInputs();
    RunFolder.check(output.directory(), output.existing());
    try (ViewHolder viewer = new ViewHolder()) {
      RunSummary summary = runner.run(run, output, folder -> serve(viewer, folder));
      report(output, summary);
    }
    return 0;
  }

  private void serve(ViewHolder viewer, Path out) throws IOException {
    if (viewToo) {
      viewer.hold(view.start(out, spec.commandLine().getErr()));
    }
  }

  private void report(OutputConfig output, RunSummary summary) {
    spec.commandLine()
        .getOut()
        .println(
            String.format(
                Locale.ROOT,
                "%,d tokens of %,d documents in %.1f s (%,d tokens/s), written to %s",
                summary.tokens(),
                summary.documents(),
                summary.elapsed().toMillis() / 1e3,
                Math.round(summary.tokensPerSecond()),
                output.directory()));
    EncodingLines.print(summary, spec.commandLine().getOut());
  }

  private Settings line() {
    Settings settings = new Settings();
    model.addTo(settings);
    sae.addTo(settings);
    corpus.addTo(settings);
    statistics.addTo(settings);
    topics.addTo(settings);
    device.addTo(settings);
    SettingsLine.path(settings, Setting.OUT, out);
    SettingsLine.number(settings, Setting.THREADS, threads);
    SettingsLine.number(settings, Setting.STREAM_THREADS, streamThreads);
    SettingsLine.number(settings, Setting.MAX_WAITING_BATCHES, maxWaitingBatches);
    if (sinks != null) {
      settings.sinks(sinks);
    }
    if (existingOutput != null) {
      settings.existingOutput(existingOutput.chosen());
    }
    return settings;
  }
}
