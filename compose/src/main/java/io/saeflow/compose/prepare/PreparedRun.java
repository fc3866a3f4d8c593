// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.CorpusConfig;
import io.saeflow.compose.config.CorpusSource;
import io.saeflow.compose.config.Kept;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.config.SaeConfig;
import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.processors.aggregate.AggregateStage;
import io.saeflow.processors.aggregate.LabelField;
import io.saeflow.processors.aggregate.TallyConfig;
import io.saeflow.processors.encode.EncodeStage;
import io.saeflow.producer.corpus.CorpusException;
import io.saeflow.producer.corpus.Packing;
import io.saeflow.producer.corpus.TokenBatches;
import io.saeflow.producer.corpus.Tokenizer;
import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.producer.gpt2.ModelException;
import io.saeflow.producer.gpt2.WritingWeights;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.tensorfile.FileDigest;
import io.saeflow.sinks.SinkKind;
import io.saeflow.sinks.Sinks;
import io.saeflow.sinks.records.TokenText;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/** Everything a run reads, opened and found to fit together. Nothing has been created yet. */
public final class PreparedRun implements AutoCloseable {
  /** What the sinks of a run are called together: as one, they commit what they have read. */
  private static final String SINK = "sink";

  private final RunConfig config;
  private final TensorEngine engine;
  private final Gpt2 model;
  private final PreparedCorpus corpus;
  private final List<PreparedSae> saes;
  private final RunManifest manifest;

  private PreparedRun(
      RunConfig config,
      String version,
      TensorEngine engine,
      Gpt2 model,
      PreparedCorpus corpus,
      List<PreparedSae> saes)
      throws IOException {
    this.config = config;
    this.engine = engine;
    this.model = model;
    this.corpus = corpus;
    this.saes = saes;
    this.manifest = describe(version);
  }

  /**
   * Opens the model, the corpus and the autoencoders.
   *
   * @throws BadInputException if one cannot be used, or they do not fit together
   * @throws IOException if a file cannot be read
   */
  public static PreparedRun open(RunConfig config, String version) throws IOException {
    config.requireInputs();
    List<AutoCloseable> opened = new ArrayList<>();
    try {
      TensorEngine engine = LibtorchEngine.open(config.model().threads());
      opened.add(engine);
      Gpt2 model = Gpt2.load(config.model().directory(), engine, config.model().writingWeights());
      opened.add(model);
      List<PreparedSae> saes = new ArrayList<>();
      for (SaeConfig sae : config.saes()) {
        saes.add(PreparedSae.open(sae, config.stream(), model));
      }
      PreparedCorpus corpus = PreparedCorpus.open(config.corpus(), config.model(), model.config());
      opened.add(corpus);
      // First what is quick, and what the first batch must fit before anything makes it.
      requireThatBatchesFit(config.corpus(), corpus.packing(), saes);
      corpus.lookThrough();
      PreparedRun run = new PreparedRun(config, version, engine, model, corpus, saes);
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

  /** The hook points that are read, each once. */
  public List<HookPoint> hooks() {
    return saes.stream().map(PreparedSae::hook).distinct().toList();
  }

  public List<EncodeStage> encodeStages() {
    return saes.stream()
        .map(sae -> sae.encodeStage(engine, config.statistics().nonFinite()))
        .toList();
  }

  /** What the autoencoders' encoders have done, by id. */
  public Map<String, EncoderMeter> encoderMeters() {
    Map<String, EncoderMeter> meters = new TreeMap<>();
    saes.forEach(sae -> meters.put(sae.config().id(), sae.meter()));
    return meters;
  }

  public List<AggregateStage> aggregateStages() {
    return saes.stream().map(PreparedSae::aggregateStage).toList();
  }

  public TallyConfig tally() {
    return new TallyConfig(
        config.statistics().top(),
        config.statistics().random(),
        config.statistics().window(),
        config.statistics().seed(),
        config.statistics().labels());
  }

  /** How many tokens a whole batch has. */
  public long batchTokens() {
    return (long) config.corpus().batchSize() * corpus.packing().contextLength();
  }

  /** How many bytes the values of a whole batch take at the widest hook point. */
  public long largestActivationBytes() {
    return saes.stream()
        .mapToLong(sae -> batchTokens() * sae.file().weights().width() * Float.BYTES)
        .max()
        .orElseThrow();
  }

  /** The corpus, cut into batches from its start; the caller closes it. */
  public TokenBatches batches() throws CorpusException {
    return corpus.batches(config.run());
  }

  /** How many token ids the model knows. */
  public int vocabularySize() {
    return model.config().vocabularySize();
  }

  /** A token's text; its number in brackets if there is no tokenizer, or the token is not in it. */
  public TokenText tokenText() {
    Optional<Tokenizer> tokenizer = corpus.tokenizer();
    // Sinks ask millions of times for few tokens, and each answer of the tokenizer is a native
    // call.
    AtomicReferenceArray<String> known = new AtomicReferenceArray<>(vocabularySize());
    return id -> {
      String text = known.get(id);
      if (text == null) {
        text =
            tokenizer
                .filter(words -> id < words.vocabularySize())
                .map(words -> words.token(id))
                .orElseGet(() -> "[" + id + "]");
        known.set(id, text);
      }
      return text;
    };
  }

  @Override
  public void close() {
    corpus.close();
    model.close();
    engine.close();
  }

  private static void requireThatBatchesFit(
      CorpusConfig corpus, Packing packing, List<PreparedSae> saes) {
    // Tokens and documents take little beside the values; leave a sixteenth for them.
    long limit = Topics.MAX_MESSAGE_BYTES / 16 * 15;
    for (PreparedSae sae : saes) {
      long bytes =
          (long) corpus.batchSize()
              * packing.contextLength()
              * sae.file().weights().width()
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
      Sinks.requireWritable(config.output().sinks(), manifest);
    } catch (IllegalArgumentException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }

  private RunManifest describe(String version) throws IOException {
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
        .setSubject(config.output().subject())
        .setModelSha256(digests(modelFiles))
        .setModelDtype("float32")
        .setCenterWritingWeights(config.model().writingWeights() == WritingWeights.CENTRED)
        .setDataset(files.stream().map(file -> String.valueOf(file.getFileName())).toList())
        .setDatasetSha256(digests(files))
        .setTextField(
            config.corpus().source() instanceof CorpusSource.Text lines ? lines.field() : null)
        .setTokenizerSha256(
            text && corpus.tokenizer().isPresent()
                ? digests(corpus.tokenizer().get().files())
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
        .setKeep(config.stream().keep().stream().sorted().map(Kept::id).toList())
        .setLatentSinks(
            config.output().sinks().contains(SinkKind.DELPHI) ? List.of(SINK) : List.of())
        .setSaes(saes.stream().map(PreparedSae::manifest).toList())
        .setTotals(null)
        .build();
  }

  private static Map<String, String> digests(List<Path> files) throws IOException {
    Map<String, String> digests = new TreeMap<>();
    for (Path file : files) {
      digests.put(String.valueOf(file.getFileName()), FileDigest.sha256(file));
    }
    return digests;
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
