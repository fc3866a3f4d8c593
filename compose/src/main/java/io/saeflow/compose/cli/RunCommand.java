// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.PipelineRunner;
import io.saeflow.compose.RunSummary;
import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.DocumentSeparator;
import io.saeflow.compose.config.Kept;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.config.SaeEntry;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import io.saeflow.compose.output.RunFolder;
import io.saeflow.processors.encode.NonFinitePolicy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
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
  private static final String PATH = "DIR";

  private final PipelineRunner runner;

  @Spec private CommandSpec spec;

  @Option(names = "--config", paramLabel = "FILE", description = "Settings in YAML.")
  private @Nullable Path config;

  @Option(
      names = "--model",
      paramLabel = PATH,
      description = "Hugging Face GPT-2 directory. Required.")
  private @Nullable Path model;

  @Option(
      names = "--tokenizer",
      paramLabel = PATH,
      description =
          "Directory of tokenizer.json, or of vocab.json and merges.txt. Default: the model's.")
  private @Nullable Path tokenizer;

  @Option(
      names = "--center-writing-weights",
      negatable = true,
      description =
          "Centre the weights that write into the residual stream, for SAEs trained on"
              + " TransformerLens' processed weights. Default: no.")
  private @Nullable Boolean centerWritingWeights;

  @Option(
      names = "--sae",
      paramLabel = "PATH",
      description =
          "OpenAI .pt file, or SAELens or sparsify directory. Required; several with --config.")
  private @Nullable Path sae;

  @Option(
      names = "--hook",
      paramLabel = "NAME",
      description =
          "Where the SAE reads: blocks.8.hook_resid_post, or resid_post_mlp/8. Default: what its"
              + " own files say.")
  private @Nullable String hook;

  @Option(
      names = "--sae-id",
      paramLabel = "ID",
      description = "Names the SAE's topics and folders. Default: from its file and hook.")
  private @Nullable String saeId;

  @Option(
      names = "--sae-path",
      paramLabel = "PATH",
      description = "The SAE's path under the subject in the sae-viewer tree. Default: its id.")
  private @Nullable String saePath;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      arity = "1..*",
      description = "Corpus: .txt, .jsonl or .jsonl.gz files, in this order.")
  private @Nullable List<Path> text;

  @Option(
      names = "--text-field",
      paramLabel = "NAME",
      description = "The field of a JSON line that holds the text. Default: text.")
  private @Nullable String textField;

  @Option(
      names = "--tokens",
      paramLabel = "FILE",
      description = "Corpus: ready token ids, .npy [sequences, context], used as they are.")
  private @Nullable Path tokens;

  @Option(
      names = "--context-length",
      paramLabel = "TOKENS",
      description =
          "Tokens a sequence when packing text. Default: 256, or the model's n_positions if that"
              + " is less.")
  private @Nullable Long contextLength;

  @Option(
      names = "--prepend-bos",
      negatable = true,
      description =
          "Begin each sequence with the begin-of-text token. Default: yes; --no-prepend-bos for"
              + " no.")
  private @Nullable Boolean prependBos;

  @Option(
      names = "--document-separator",
      paramLabel = "none|bos|eos",
      description = "The token before each document. Default: eos.")
  private @Nullable DocumentSeparator documentSeparator;

  @Option(
      names = "--batch-size",
      paramLabel = "SEQUENCES",
      description = "Sequences a batch. Default: 8.")
  private @Nullable Long batchSize;

  @Option(
      names = "--max-tokens",
      paramLabel = "TOKENS",
      converter = TokenCountConverter.class,
      description = "Stop there: 200000, 200_000, 200k or 2m. Default: the corpus' end.")
  private @Nullable Long maxTokens;

  @Option(
      names = "--top",
      paramLabel = "N",
      description = "Strongest sequences kept of each feature. Default: 20.")
  private @Nullable Long top;

  @Option(
      names = "--random",
      paramLabel = "N",
      description = "Random firings kept of each feature. Default: 20.")
  private @Nullable Long random;

  @Option(
      names = "--window",
      paramLabel = "TOKENS",
      description = "Tokens that an example shows. Default: 64.")
  private @Nullable Long window;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of the random firings. Default: 0.")
  private @Nullable Long seed;

  @Option(
      names = "--label",
      paramLabel = "FIELD[:WIDTH]",
      description =
          "Count each feature by the values of this field of the documents, numbers in bins of"
              + " this width; may be repeated. Default: none.")
  private @Nullable List<String> labels;

  @Option(
      names = "--non-finite",
      paramLabel = "skip|fail",
      description =
          "Tokens whose activations are NaN or infinite: leave them out and count them, or put"
              + " their batch aside. Default: skip.")
  private @Nullable NonFinitePolicy nonFinite;

  @Option(
      names = "--out",
      paramLabel = PATH,
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

  @Option(
      names = "--subject",
      paramLabel = "NAME",
      description = "The model's name in viewers. Default: its directory's name.")
  private @Nullable String subject;

  @Option(
      names = "--partitions",
      paramLabel = "N",
      description = "Partitions of the tokens and activations topics. Default: 1.")
  private @Nullable Long partitions;

  @Option(
      names = "--feature-ranges",
      paramLabel = "N",
      description =
          "Ranges that the features are split into: partitions, aggregators and delphi shards."
              + " Default: 5, or the number of latents if that is less.")
  private @Nullable Long featureRanges;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of the model. Default: half the cores.")
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
          "The model waits while more than this many batches in a partition are not encoded."
              + " Default: 64.")
  private @Nullable Long maxWaitingBatches;

  @Option(
      names = "--keep",
      paramLabel = "NAME",
      split = ",",
      description =
          "What stays in Kafka after every stage has read it: activations, latents. Default:"
              + " nothing.")
  private @Nullable List<Kept> keep;

  @Option(
      names = "--metrics-port",
      paramLabel = "PORT",
      description =
          "Serve Prometheus metrics at http://127.0.0.1:PORT/metrics. Default: not served.")
  private @Nullable Long metricsPort;

  @Option(
      names = "--bootstrap-servers",
      paramLabel = "HOST:PORT,...",
      description =
          "A Kafka cluster. Default: embedded, a broker inside this process with its data under"
              + " OUT/.saeflow.")
  private @Nullable String bootstrapServers;

  @Option(
      names = "--kafka",
      paramLabel = "KEY=VALUE",
      description =
          "A property of every Kafka client; may be repeated. Keep secrets in the --config file.")
  private @Nullable Map<String, String> kafka;

  @Option(
      names = "--run-id",
      paramLabel = "ID",
      description = "Begins every topic's name. Default: from the output folder's name.")
  private @Nullable String runId;

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
    Settings settings = line();
    if (config != null) {
      settings = Settings.ofYaml(config).overriddenBy(settings);
    }
    RunConfig run = settings.toRunConfig();
    run.requireInputs();
    RunFolder.check(run.output().directory(), run.output().existing());
    try (ViewHolder viewer = new ViewHolder()) {
      RunSummary summary = runner.run(run, out -> serve(viewer, out));
      report(run, summary);
    }
    return 0;
  }

  private void serve(ViewHolder viewer, Path out) throws IOException {
    if (viewToo) {
      viewer.hold(view.start(out, spec.commandLine().getErr()));
    }
  }

  private void report(RunConfig run, RunSummary summary) {
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
                run.output().directory()));
  }

  private Settings line() {
    Settings settings = new Settings();
    path(settings, Setting.MODEL, model);
    path(settings, Setting.TOKENIZER, tokenizer);
    path(settings, Setting.TOKENS, tokens);
    path(settings, Setting.OUT, out);
    text(settings, Setting.TEXT_FIELD, textField);
    text(settings, Setting.SUBJECT, subject);
    text(settings, Setting.BOOTSTRAP_SERVERS, bootstrapServers);
    text(settings, Setting.RUN_ID, runId);
    flag(settings, Setting.CENTER_WRITING_WEIGHTS, centerWritingWeights);
    flag(settings, Setting.PREPEND_BOS, prependBos);
    number(settings, Setting.CONTEXT_LENGTH, contextLength);
    number(settings, Setting.BATCH_SIZE, batchSize);
    number(settings, Setting.TOP, top);
    number(settings, Setting.RANDOM, random);
    number(settings, Setting.WINDOW, window);
    number(settings, Setting.SEED, seed);
    number(settings, Setting.PARTITIONS, partitions);
    number(settings, Setting.FEATURE_RANGES, featureRanges);
    number(settings, Setting.THREADS, threads);
    number(settings, Setting.STREAM_THREADS, streamThreads);
    number(settings, Setting.MAX_WAITING_BATCHES, maxWaitingBatches);
    number(settings, Setting.METRICS_PORT, metricsPort);
    if (text != null) {
      settings.paths(Setting.TEXT, text);
    }
    if (documentSeparator != null) {
      settings.documentSeparator(documentSeparator);
    }
    if (maxTokens != null) {
      settings.maxTokens(maxTokens);
    }
    if (sinks != null) {
      settings.sinks(sinks);
    }
    if (labels != null) {
      settings.labels(labels);
    }
    if (nonFinite != null) {
      settings.nonFinite(nonFinite);
    }
    if (keep != null) {
      settings.keep(keep);
    }
    if (kafka != null) {
      settings.kafka(kafka);
    }
    if (existingOutput != null) {
      settings.existingOutput(existingOutput.chosen());
    }
    if (sae != null) {
      settings.saes(List.of(new SaeEntry(sae, hook, saeId, saePath)));
    } else if (hook != null || saeId != null || saePath != null) {
      throw new BadInputException(
          "--hook, --sae-id and --sae-path describe an autoencoder (expected: --sae PATH with"
              + " them)");
    }
    return settings;
  }

  private static void path(Settings settings, Setting setting, @Nullable Path value) {
    if (value != null) {
      settings.path(setting, value);
    }
  }

  private static void text(Settings settings, Setting setting, @Nullable String value) {
    if (value != null) {
      settings.text(setting, value);
    }
  }

  private static void flag(Settings settings, Setting setting, @Nullable Boolean value) {
    if (value != null) {
      settings.flag(setting, value);
    }
  }

  private static void number(Settings settings, Setting setting, @Nullable Long value) {
    if (value != null) {
      settings.number(setting, value);
    }
  }
}
