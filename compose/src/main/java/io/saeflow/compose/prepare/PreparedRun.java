// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.CorpusConfig;
import io.saeflow.compose.config.CorpusSource;
import io.saeflow.compose.config.Kept;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.config.SaeConfig;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.processors.aggregate.LabelField;
import io.saeflow.producer.corpus.CorpusException;
import io.saeflow.producer.corpus.Packing;
import io.saeflow.producer.corpus.TokenBatches;
import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.producer.gpt2.Gpt2Config;
import io.saeflow.producer.gpt2.ModelException;
import io.saeflow.producer.gpt2.WritingWeights;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.sinks.SinkKind;
import io.saeflow.sinks.Sinks;
import io.saeflow.sinks.records.TokenText;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** Everything a run reads, opened and found to fit together. Nothing has been created yet. */
public final class PreparedRun implements AutoCloseable {
  private final RunConfig config;
  private final Gpt2 model;
  private final PreparedCorpus corpus;
  private final List<PreparedSae> saes;
  private final RunManifest manifest;

  private PreparedRun(
      RunConfig config,
      String version,
      List<String> latentSinks,
      Gpt2 model,
      PreparedCorpus corpus,
      List<PreparedSae> saes)
      throws IOException {
    this.config = config;
    this.model = model;
    this.corpus = corpus;
    this.saes = saes;
    this.manifest = describe(version, latentSinks);
  }

  /**
   * Opens the model, the corpus and the autoencoders.
   *
   * @param engine that the model works on; must stay open as long as this
   * @param latentSinks names of the sinks that read latents
   * @throws BadInputException if one cannot be used, or they do not fit together
   * @throws IOException if a file cannot be read
   */
  public static PreparedRun open(
      RunConfig config, TensorEngine engine, List<String> latentSinks, String version)
      throws IOException {
    config.requireInputs();
    List<AutoCloseable> opened = new ArrayList<>();
    try {
      Gpt2Config modelConfig = Gpt2.config(config.model().directory());
      List<PreparedSae> saes = new ArrayList<>();
      for (SaeConfig sae : config.saes()) {
        saes.add(PreparedSae.open(sae, config.stream(), 0, modelConfig::width));
      }
      Gpt2 model =
          Gpt2.loadUpTo(
              saes.stream().map(PreparedSae::hook).toList(),
              config.model().directory(),
              engine,
              config.model().writingWeights(),
              config.model().dtype());
      opened.add(model);
      PreparedCorpus corpus = PreparedCorpus.open(config.corpus(), config.model(), modelConfig);
      opened.add(corpus);
      // First what is quick, and what the first batch must fit before anything makes it.
      requireThatBatchesFit(config.corpus(), corpus.packing(), saes);
      corpus.lookThrough();
      PreparedRun run = new PreparedRun(config, version, latentSinks, model, corpus, saes);
      run.requireThatFilesFit();
      return run;
    } catch (ModelException e) {
      closeAll(opened);
      throw new BadInputException(e.getMessage(), e);
    } catch (IOException | RuntimeException e) {
      closeAll(opened);
      throw e;
    }
  }

  public RunConfig config() {
    return config;
  }

  public Gpt2 model() {
    return model;
  }

  /** What the run is made of, without totals. */
  public RunManifest manifest() {
    return manifest;
  }

  public List<PreparedSae> saes() {
    return saes;
  }

  /** The corpus, cut into batches from its start; the caller closes it. */
  public TokenBatches batches() throws CorpusException {
    return corpus.batches(config.run());
  }

  /** The texts of tokens, for viewers. */
  public TokenText tokenText() {
    return PreparedText.of(corpus.tokenizer(), manifest.getVocabularySize());
  }

  @Override
  public void close() {
    corpus.close();
    model.close();
  }

  private static void requireThatBatchesFit(
      CorpusConfig corpus, Packing packing, List<PreparedSae> saes) {
    // Tokens and documents take little beside the values; leave a sixteenth for them.
    long limit = Topics.MAX_MESSAGE_BYTES / 16 * 15;
    for (PreparedSae sae : saes) {
      long bytes =
          (long) corpus.batchSize()
              * packing.contextLength()
              * sae.manifest().getWidth()
              * Float.BYTES;
      if (bytes > limit) {
        throw new BadInputException(
            "batch-size: %d sequences of %d tokens, %d bytes at %s (expected: at most %d bytes; use fewer sequences)"
                .formatted(corpus.batchSize(), packing.contextLength(), bytes, sae.hook(), limit));
      }
    }
  }

  private void requireThatFilesFit() {
    try {
      Sinks.requireWritable(EnumSet.allOf(SinkKind.class), manifest);
    } catch (IllegalArgumentException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }

  private RunManifest describe(String version, List<String> latentSinks) throws IOException {
    List<Path> modelFiles;
    try {
      modelFiles = Gpt2.files(config.model().directory());
    } catch (ModelException e) {
      throw new BadInputException(e.getMessage(), e);
    }
    boolean text = config.corpus().source() instanceof CorpusSource.Text;
    List<Path> files = config.corpus().source().files();
    return RunManifest.newBuilder()
        .setRun(config.run())
        .setSaeflowVersion(version)
        .setSubject(config.subject())
        .setModelSha256(Digests.of(modelFiles))
        .setModelDtype(config.model().dtype().id())
        .setModelDevice(config.model().device().kind())
        .setActivationDtype(config.model().activationDtype().id())
        .setVocabularySize(model.config().vocabularySize())
        .setCenterWritingWeights(config.model().writingWeights() == WritingWeights.CENTRED)
        .setDataset(files.stream().map(file -> String.valueOf(file.getFileName())).toList())
        .setDatasetSha256(Digests.of(files))
        .setTextField(
            config.corpus().source() instanceof CorpusSource.Text lines ? lines.field() : null)
        .setTokenizerSha256(
            text && corpus.tokenizer().isPresent()
                ? Digests.of(corpus.tokenizer().get().files())
                : Map.of())
        .setContextLength(corpus.packing().contextLength())
        .setPrependBos(corpus.packing().bos().isPresent())
        .setDocumentSeparator(boxed(corpus.packing().separator()))
        .setBosToken(boxed(corpus.packing().bos()))
        .setBatchSize(config.corpus().batchSize())
        .setMaxTokens(
            config.corpus().maxTokens().isPresent()
                ? config.corpus().maxTokens().getAsLong()
                : null)
        .setTop(config.statistics().top())
        .setRandom(config.statistics().random())
        .setWindow(config.statistics().window())
        .setSeed(config.statistics().seed())
        .setLabels(config.statistics().labels().stream().map(LabelField::text).toList())
        .setNonFinite(config.statistics().nonFinite().name().toLowerCase(Locale.ROOT))
        .setEncodeAt(config.stream().encodeAt().id())
        .setKeep(config.stream().keep().stream().sorted().map(Kept::id).toList())
        .setLatentSinks(latentSinks)
        .setSaes(saes.stream().map(PreparedSae::manifest).toList())
        .setTotals(null)
        .build();
  }

  private static @Nullable Integer boxed(OptionalInt value) {
    return value.isPresent() ? value.getAsInt() : null;
  }

  private static void closeAll(List<AutoCloseable> opened) {
    for (int i = opened.size() - 1; i >= 0; i--) {
      try {
        opened.get(i).close();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
